"""ENTSO-E's wire format, against documents built here always and real answers when present."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.entsoe.app import MAX_ZONES_PER_RUN, Entsoe
from functions.entsoe.document import (
    MAX_CELLS,
    MAX_MEMBERS,
    MAX_XML_BYTES,
    Slot,
    complete_slots,
    read,
    slots,
)
from functions.entsoe.mix import harvest_of, solar_in_other, table_of
from greenstream.collect import Harvest
from greenstream.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.http import HttpClient
from greenstream.reading import Basis, Quality, Reading, Scope, Signal
from greenstream.zones import zones_of

NL, FR = "10YNL----------L", "10YFR-RTE------C"
NOON = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)
TOKEN = "marked-token-5f1c"
Answer = Callable[[httpx.Request], httpx.Response]
ZONES = zones_of("entsoe")


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def period(
    points: dict[int, Any], *, start: datetime = NOON, slots: int = 4, minutes: int = 15
) -> str:
    rows = "".join(
        f"<Point><position>{at}</position><quantity>{mw}</quantity></Point>"
        for at, mw in points.items()
    )
    end = start + slots * timedelta(minutes=minutes)
    return (
        f"<Period><timeInterval><start>{stamp(start)}</start><end>{stamp(end)}</end></timeInterval>"
        f"<resolution>PT{minutes}M</resolution>{rows}</Period>"
    )


def series(
    psr: str,
    *periods: str,
    domain: str = NL,
    out: bool = False,
    curve: str = "A03",
    unit: str = "MAW",
) -> str:
    side = "out" if out else "in"
    return (
        "<TimeSeries><mRID>1</mRID><businessType>A01</businessType>"
        f'<{side}BiddingZone_Domain.mRID codingScheme="A01">{domain}'
        f"</{side}BiddingZone_Domain.mRID>"
        f"<quantity_Measure_Unit.name>{unit}</quantity_Measure_Unit.name>"
        f"<curveType>{curve}</curveType><MktPSRType><psrType>{psr}</psrType></MktPSRType>"
        f"{''.join(periods)}</TimeSeries>"
    )


def document(*all_series: str, kind: str = "A75", process: str = "A16", prolog: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{prolog}'
        '<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">'
        f"<mRID>1</mRID><type>{kind}</type><process.processType>{process}</process.processType>"
        f"{''.join(all_series)}</GL_MarketDocument>"
    ).encode()


def acknowledgement(code: str, text: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Acknowledgement_MarketDocument '
        'xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">'
        f"<mRID>1</mRID><Reason><code>{code}</code><text>{text}</text></Reason>"
        "</Acknowledgement_MarketDocument>"
    ).encode()


NO_DATA = acknowledgement("999", "No matching data found for Data item ACTUAL_GENERATION [16.1.B]")
DARK = document(series("B04", period({1: 3000})), series("B05", period({1: 1000})))
"""Four quarter hours of gas and coal, nothing else."""


def mw(body: bytes, domain: str = NL) -> list[dict[str, float]]:
    return [dict(slot.generation_mw) for slot in slots(read(body, domain, "Z"), "Z")]


def refusal(body: bytes) -> str:
    with pytest.raises(InvalidError) as refused:
        slots(read(body, NL, "Z"), "Z")
    assert (refused.value.provider, refused.value.zone) == ("entsoe", "Z")
    return refused.value.reason


def zipped(*members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, member in enumerate(members):
            archive.writestr(f"{index:03d}-AGGREGATED_GENERATION.xml", member)
    return target.getvalue()


def eic_check_character(code: str) -> str:
    """The sixteenth character of an energy identification code, by ENTSO-E's manual."""
    signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
    total = sum(signs.index(sign) * (16 - place) for place, sign in enumerate(code[:15]))
    return signs[36 - (total - 1) % 37]


def test_each_zone_of_the_table_has_a_valid_code_of_its_own() -> None:
    codes = [source.provider_zone for _, source in ZONES]
    assert len(set(codes)) == len(codes)
    assert [
        code for code in codes if len(code) != 16 or eic_check_character(code) != code[15]
    ] == []


def test_the_dutch_zone_comes_first_and_every_zone_computes_both_bases_of_its_production() -> None:
    assert ZONES[0][0].zone == "ENTSOE_NL"
    for _, source in ZONES:
        assert (source.signal, source.scope) == (Signal.AVERAGE, Scope.PRODUCTION)
        assert set(source.bases) == set(Basis)


def test_every_psr_type_of_generation_has_a_factor_or_bounds_on_both_bases() -> None:
    for basis in Basis:
        named = set(table_of("ENTSOE_NL", basis).factors)
        assert named == {f"B{number:02d}" for number in (*range(1, 21), 25)}


def test_a_zones_own_factors_go_over_the_common_ones() -> None:
    own, common = (table_of(zone, Basis.DIRECT).factors for zone in ("ENTSOE_NL", "ENTSOE_NO1"))
    assert own["B05"].gco2_kwh == 716.0
    assert common["B05"].gco2_kwh == 1035.2
    assert own["B19"] == common["B19"]


class TestPoints:
    def test_curve_a03_repeats_an_omitted_position_to_the_end_of_its_period(self) -> None:
        assert mw(document(series("B04", period({1: 5, 3: 7})))) == [
            {"B04": 5},
            {"B04": 5},
            {"B04": 7},
            {"B04": 7},
        ]

    def test_curve_a01_leaves_an_omitted_position_unknown(self) -> None:
        [first, third] = slots(
            read(document(series("B04", period({1: 5, 3: 7}), curve="A01")), NL, "Z"), "Z"
        )
        assert (first.valid_from, third.valid_from) == (NOON, NOON + timedelta(minutes=30))

    def test_nothing_is_invented_before_the_first_position(self) -> None:
        body = document(series("B04", period({1: 5})), series("B05", period({3: 1})))
        assert mw(body) == [{"B04": 5}, {"B04": 5}, {"B04": 5, "B05": 1}, {"B04": 5, "B05": 1}]

    def test_a_position_counts_from_the_start_of_its_period(self) -> None:
        [only] = slots(read(document(series("B04", period({1: 5}, slots=1))), NL, "Z"), "Z")
        assert (only.valid_from, only.valid_to) == (NOON, NOON + timedelta(minutes=15))

    @pytest.mark.parametrize("minutes", [15, 30, 60])
    def test_each_resolution_is_the_length_of_its_slots(self, minutes: int) -> None:
        body = document(series("B04", period({1: 5, 2: 6}, slots=2, minutes=minutes)))
        found = slots(read(body, NL, "Z"), "Z")
        assert [slot.valid_to - slot.valid_from for slot in found] == [
            timedelta(minutes=minutes)
        ] * 2

    def test_an_hourly_fuel_counts_with_its_mean_in_each_quarter_hour(self) -> None:
        body = document(
            series("B04", period({1: 5, 2: 6})),
            series("B16", period({1: 40}, slots=1, minutes=60)),
        )
        assert [slot["B16"] for slot in mw(body)] == [40] * 4

    def test_a_hole_between_periods_stays_a_hole(self) -> None:
        body = document(
            series("B04", period({1: 5}, slots=8)),
            series(
                "B12",
                period({1: 900}, slots=2),
                period({1: 800}, slots=2, start=NOON + timedelta(hours=1, minutes=30)),
            ),
        )
        assert [slot.get("B12") for slot in mw(body)] == [900, 900, *[None] * 4, 800, 800]

    def test_consumption_is_never_generation(self) -> None:
        body = document(
            series("B20", period({1: 633}), out=True),
            series("B20", period({1: 1977})),
            series("B10", period({1: 1600}), out=True),
        )
        [slot, *_] = slots(read(body, NL, "Z"), "Z")
        assert slot.generation_mw == {"B20": 1977}
        assert slot.consumption_mw == {"B20": 633, "B10": 1600}
        assert slot.total_mw == 1977

    def test_links_are_no_generation(self) -> None:
        body = document(series("B04", period({1: 5})), series("B22", period({1: 700})))
        assert mw(body)[0] == {"B04": 5}

    def test_a_zip_is_known_by_its_first_bytes_and_its_members_are_put_together(self) -> None:
        body = zipped(
            document(series("B04", period({1: 5}))), document(series("B05", period({1: 6})))
        )
        assert mw(body)[0] == {"B04": 5, "B05": 6}


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "not_xml"),
            (b"<html><head>", "not_xml"),
            (b"<html/>", "malformed"),
            (DARK[:400], "not_xml"),
            (document(series("B04", period({1: 5})), kind="A73"), "wrong_document"),
            (document(series("B04", period({1: 5})), process="A01"), "wrong_document"),
            (document(series("B04", period({1: 5}), domain=FR)), "wrong_zone"),
            (document(series("B04", period({1: 5}), unit="KWT")), "unknown_unit"),
            (document(series("B04", period({1: 5}), curve="A04")), "unknown_curve"),
            (document(series("B04", period({1: 5}, minutes=7))), "unknown_resolution"),
            (document(series("", period({1: 5}))), "malformed"),
            (document(series("B04", period({0: 5}))), "malformed"),
            (document(series("B04", period({5: 5}))), "malformed"),
            (document(series("B04", period({1: 5}, slots=-4))), "malformed"),
            (document(series("B04", period({1: ""}))), "not_a_number"),
            (document(series("B04", period({1: "n/e"}))), "not_a_number"),
            (document(series("B04", period({1: "NaN"}))), "not_a_number"),
            (document(series("B04", period({1: "inf"}))), "not_a_number"),
            (document(series("B04", period({1: 3_000_000}))), "implausible_mw"),
            (
                document(series("B04", period({1: 5})), series("B04", period({1: 6}))),
                "contradiction",
            ),
            (document(series("B04", period({1: 5}), period({1: 6}))), "contradiction"),
        ],
    )
    def test_what_cannot_be_true_is_refused_by_name(self, body: bytes, reason: str) -> None:
        assert refusal(body) == reason

    def test_the_same_value_twice_is_no_contradiction(self) -> None:
        body = document(series("B04", period({1: 5})), series("B04", period({1: 5})))
        assert mw(body)[0] == {"B04": 5}

    @pytest.mark.parametrize(
        "prolog",
        [
            '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
            '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
            '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        ],
    )
    def test_a_doctype_is_refused_whatever_it_declares(self, prolog: str) -> None:
        assert refusal(document(series("B04", period({1: 5})), prolog=prolog)) == "doctype"

    def test_deep_nesting_is_refused(self) -> None:
        assert refusal(document("<a>" * 300 + "</a>" * 300)) == "too_deep"

    def test_a_point_that_stands_for_a_century_is_refused(self) -> None:
        body = document(series("B04", period({1: 5}, slots=MAX_CELLS + 1)))
        assert refusal(body) == "too_large"

    def test_many_series_share_one_bound(self) -> None:
        one = series("B04", period({1: 5}, slots=MAX_CELLS // 2 + 1))
        assert refusal(document(one, one)) == "too_large"

    def test_more_xml_than_the_bound_is_refused_plain_or_zipped(self) -> None:
        large = document("<!--" + " " * MAX_XML_BYTES + "-->")
        assert refusal(large) == "too_large"
        assert refusal(zipped(large)) == "too_large"

    def test_a_zip_of_too_many_a_torn_zip_and_a_zip_in_a_zip_are_refused(self) -> None:
        assert refusal(zipped(*[DARK] * (MAX_MEMBERS + 1))) == "too_large"
        assert refusal(zipped(DARK)[:-30]) == "bad_zip"
        assert refusal(zipped(zipped(DARK))) == "not_xml"

    @pytest.mark.parametrize("status", [200, 400])
    def test_no_matching_data_is_no_error_of_anyone(self, status: int) -> None:
        with pytest.raises(NoDataError, match="No matching data"):
            read(NO_DATA, NL, "Z", status=status)

    def test_another_acknowledgement_keeps_its_words(self) -> None:
        body = acknowledgement("999", "Input parameter curveType does not exist")
        with pytest.raises(PermanentError, match="curveType does not exist"):
            read(body, NL, "Z", status=400)

    def test_an_empty_document_is_no_data(self) -> None:
        with pytest.raises(NoDataError):
            read(document(), NL, "Z")


def slot(at: int, **fuels_mw: float) -> Slot:
    start = NOON + at * timedelta(minutes=15)
    return Slot(start, start + timedelta(minutes=15), fuels_mw, {}, {})


def newest_complete(found: Sequence[Slot], needed: frozenset[str], now: datetime) -> Slot | None:
    complete = complete_slots(found, needed, now)
    return complete[-1] if complete else None


class TestNewest:
    late = NOON + timedelta(days=1)

    def test_a_slot_that_lacks_a_main_fuel_is_passed_over(self) -> None:
        body = document(
            series("B04", period({1: 3000}, slots=2)), series("B19", period({1: 500}, slots=4))
        )
        found = slots(read(body, NL, "Z"), "Z")
        chosen = newest_complete(found, frozenset(), self.late)
        assert chosen is not None
        assert chosen.valid_to == NOON + timedelta(minutes=30)
        assert found[-1].unreported_mw == {"B04": 3000}

    def test_a_small_fuel_may_be_missing(self) -> None:
        body = document(
            series("B04", period({1: 3000}, slots=4)), series("B13", period({1: 1}, slots=2))
        )
        chosen = newest_complete(slots(read(body, NL, "Z"), "Z"), frozenset(), self.late)
        assert chosen is not None
        assert chosen.valid_to == NOON + timedelta(hours=1)

    def test_a_plant_that_pumps_is_not_missing(self) -> None:
        body = document(
            series("B14", period({1: 3000}, slots=4)),
            series("B10", period({1: 1348}, slots=2)),
            series("B10", period({3: 1600}, slots=4), out=True),
        )
        chosen = newest_complete(slots(read(body, NL, "Z"), "Z"), frozenset(), self.late)
        assert chosen is not None
        assert chosen.valid_to == NOON + timedelta(hours=1)

    def test_the_future_of_a_repeating_curve_is_not_believed(self) -> None:
        found = slots(read(DARK, NL, "Z"), "Z")
        chosen = newest_complete(found, frozenset(), NOON + timedelta(minutes=20))
        assert chosen is not None
        assert chosen.valid_to == NOON + timedelta(minutes=15)

    def test_a_zone_without_a_fuel_it_must_have_has_no_mix(self) -> None:
        found = slots(read(DARK, NL, "Z"), "Z")
        assert newest_complete(found, frozenset({"B14"}), self.late) is None


class TestDutchOther:
    """Roof solar is inside B20 there: it follows the metered sun, the rest does not."""

    @staticmethod
    def day(other: Callable[[int], float]) -> list[Slot]:
        sun = [max(0.0, 300.0 - abs(at - 48) * 12.0) for at in range(96)]
        return [
            slot(at - 96, B04=4000.0, B05=1000.0, B16=sun[at], B20=other(at)) for at in range(96)
        ]

    def test_what_follows_the_sun_is_solar_and_the_rest_stays_unknown(self) -> None:
        found = self.day(lambda at: 1500 + 28 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        assert solar_in_other(found, found[48]) == pytest.approx(28 * 300)
        assert solar_in_other(found, found[0]) == 0

    def test_it_is_never_more_than_other_itself(self) -> None:
        found = self.day(lambda at: 1500 + 28 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        cloud = slot(0, B04=4000.0, B05=1000.0, B16=300.0, B20=700.0)
        assert solar_in_other(found, cloud) == 700

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(lambda at: 1500 + 900 * (at % 7), id="no relation"),
            pytest.param(lambda _: 1500.0, id="constant"),
            pytest.param(
                lambda at: 9000 - 28 * max(0.0, 300.0 - abs(at - 48) * 12.0), id="falls by day"
            ),
        ],
    )
    def test_nothing_is_attributed_where_the_sun_does_not_explain_it(
        self, other: Callable[[int], float]
    ) -> None:
        found = self.day(other)
        assert solar_in_other(found, found[48]) == 0

    def test_the_reading_is_an_estimate_within_bounds_that_do_without_it(self) -> None:
        found = self.day(lambda at: 1500 + 28 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        zone, source = ZONES[0]
        at = found[48]
        for reading in harvest_of(found[:49], zone, source, fetched_at=at.valid_to).readings:
            assert reading.quality is Quality.ESTIMATED
            assert reading.coverage == pytest.approx(1 - 1500 / at.total_mw)
            assert reading.gco2_high - reading.gco2_low > 600
            assert reading.detail["solar_in_other_mw"] == 8400
            assert reading.detail["fuel_mw"] == at.generation_mw


def run(
    answer: Answer | bytes,
    *,
    now: datetime = NOON + timedelta(hours=1, minutes=20),
    zones: int = 1,
    token: str | None = TOKEN,
    **provider: Any,
) -> list[Harvest]:
    fixed = answer if callable(answer) else lambda _: httpx.Response(200, content=answer)
    entsoe = Entsoe(
        http=HttpClient(
            provider="entsoe",
            base_url="https://tp.test",
            attempts=1,
            transport=httpx.MockTransport(fixed),
        ),
        token=lambda: token,
        wanted=ZONES[:zones],
        **provider,
    )
    return list(entsoe.fetch(now))


def by_zone(request: httpx.Request) -> httpx.Response:
    """Answer with every fuel that any zone must have."""
    domain = request.url.params["in_Domain"]
    fuels = ("B02", "B04", "B05", "B07", "B11", "B14", "B19")
    body = document(*(series(fuel, period({1: 1000}), domain=domain) for fuel in fuels))
    return httpx.Response(200, content=body, headers={"Content-Type": "text/xml"})


def asked_zones(harvests: Sequence[Harvest]) -> list[str]:
    return [
        *(reading.zone for harvest in harvests for reading in harvest.readings[:1]),
        *(str(error.zone) for harvest in harvests for error in harvest.errors),
    ]


class TestRun:
    def test_one_request_tells_a_zones_intensity_on_both_bases(self) -> None:
        requests: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            return httpx.Response(200, content=DARK)

        [harvest] = run(answer)

        [request] = requests
        assert request.url.path == "/api"
        assert dict(request.url.params) == {
            "documentType": "A75",
            "processType": "A16",
            "in_Domain": NL,
            "periodStart": "202605050100",
            "periodEnd": "202605061400",
        }
        direct, lifecycle = harvest.readings
        assert (direct.basis, lifecycle.basis) == (Basis.DIRECT, Basis.LIFECYCLE)
        assert direct.gco2_kwh == pytest.approx((3000 * 361.9 + 1000 * 716.0) / 4000, abs=0.2)
        assert lifecycle.gco2_kwh == pytest.approx((3000 * 481.9 + 1000 * 776.0) / 4000, abs=0.2)
        for reading in harvest.readings:
            assert (reading.zone, reading.provider_zone) == ("ENTSOE_NL", NL)
            assert (reading.signal, reading.scope) == (Signal.AVERAGE, Scope.PRODUCTION)
            assert reading.quality is Quality.MEASURED
            assert reading.coverage == 1
            assert reading.valid_from == NOON + timedelta(minutes=45)
            assert reading.valid_to == NOON + timedelta(hours=1)
            assert not reading.simulated

    def test_the_token_travels_in_a_header_and_nowhere_else(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            assert request.headers["SECURITY_TOKEN"] == TOKEN
            assert TOKEN not in str(request.url)
            return httpx.Response(200, content=DARK)

        assert run(answer)[0].readings

    def test_without_a_token_nothing_is_asked_and_no_error_is_made(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            raise AssertionError(request)

        [harvest] = run(answer, token=None, zones=3)

        assert harvest.unconfigured == tuple(zone.zone for zone, _ in ZONES[:3])
        assert harvest.errors == ()

    def test_a_refused_token_ends_the_run_and_its_page_is_not_repeated(self) -> None:
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            return httpx.Response(401, html=f"<html>Unauthorized {TOKEN}</html>")

        with pytest.raises(PermanentError) as failed:
            run(answer, zones=5)

        assert len(asked) == 1
        assert TOKEN not in str(failed.value)

    def test_a_ban_ends_the_run_and_ten_minutes_are_silent(self) -> None:
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            return httpx.Response(429)

        entsoe = Entsoe(
            http=HttpClient(
                provider="entsoe",
                base_url="https://tp.test",
                attempts=1,
                transport=httpx.MockTransport(answer),
            ),
            token=lambda: TOKEN,
            wanted=ZONES[:5],
        )
        for minutes, requests in ((0, 1), (9, 1), (10, 2)):
            with pytest.raises(ThrottledError):
                list(entsoe.fetch(NOON + timedelta(minutes=minutes)))
            assert len(asked) == requests

    @pytest.mark.parametrize(
        ("response", "kind"),
        [
            (httpx.Response(503, headers={"Content-Type": "application/xml"}), TransientError),
            (httpx.Response(200, content=NO_DATA), NoDataError),
            (httpx.Response(200, content=b""), InvalidError),
            (httpx.Response(404), PermanentError),
            (
                httpx.Response(400, content=acknowledgement("999", "periodEnd is wrong")),
                PermanentError,
            ),
            (httpx.Response(200, content=DARK.replace(NL.encode(), FR.encode())), InvalidError),
        ],
    )
    def test_a_fault_in_one_zone_leaves_the_others(
        self, response: httpx.Response, kind: type[GreenStreamError]
    ) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            return response if request.url.params["in_Domain"] == NL else by_zone(request)

        harvests = run(answer, zones=4)

        [error] = [error for harvest in harvests for error in harvest.errors]
        assert (type(error), error.provider, error.zone) == (kind, "entsoe", "ENTSOE_NL")
        assert len({r.zone for harvest in harvests for r in harvest.readings}) == 3

    def test_a_fuel_without_a_factor_lowers_coverage(self) -> None:
        body = DARK.replace(
            b"</GL_MarketDocument>",
            series("B99", period({1: 1000})).encode() + b"</GL_MarketDocument>",
        )
        [harvest] = run(body)

        assert [reading.coverage for reading in harvest.readings] == [0.8, 0.8]
        assert harvest.readings[0].detail["unlisted"] == ["B99"]

    def test_generation_far_below_zero_is_refused_and_station_use_is_not(self) -> None:
        def refused(solar_mw: float) -> list[str]:
            body = DARK.replace(
                b"</GL_MarketDocument>",
                series("B16", period({1: solar_mw})).encode() + b"</GL_MarketDocument>",
            )
            [harvest] = run(body)
            return [error.reason for error in harvest.errors if isinstance(error, InvalidError)]

        assert refused(-0.5) == []
        assert refused(-900) == ["negative", "negative"]

    def test_a_run_is_bounded_and_the_next_goes_on_where_it_stopped(self) -> None:
        entsoe = Entsoe(
            http=HttpClient(
                provider="entsoe",
                base_url="https://tp.test",
                transport=httpx.MockTransport(by_zone),
            ),
            token=lambda: TOKEN,
        )
        asked = [
            asked_zones(list(entsoe.fetch(NOON + timedelta(hours=1, minutes=10 * index))))
            for index in range(3)
        ]

        assert [len(zones) for zones in asked] == [MAX_ZONES_PER_RUN] * 3
        assert [zones[0] for zones in asked] == ["ENTSOE_NL"] * 3
        assert {name for zones in asked for name in zones} == {zone.zone for zone, _ in ZONES}

    def test_a_slow_upstream_ends_the_run_in_time_and_no_zone_is_starved(self) -> None:
        time_s = iter(range(0, 10_000, 10))  # each look at the clock is ten seconds later
        entsoe = Entsoe(
            http=HttpClient(
                provider="entsoe",
                base_url="https://tp.test",
                transport=httpx.MockTransport(by_zone),
            ),
            token=lambda: TOKEN,
            wanted=ZONES[:7],
            deadline_s=35,
            monotonic=lambda: next(time_s),
        )
        asked = [asked_zones(list(entsoe.fetch(NOON + timedelta(hours=1)))) for _ in range(3)]

        assert [len(zones) for zones in asked] == [3, 3, 3]
        assert {name for zones in asked for name in zones} == {zone.zone for zone, _ in ZONES[:7]}

    def test_half_a_day_published_at_once_leaves_no_hole_in_history(self) -> None:
        def half_day(count: int) -> list[str]:
            return [series(fuel, period({1: 9}, slots=count)) for fuel in ("B04", "B05")]

        ends = iter([8, 32])  # quarter hours from noon: 14:00, then 20:00
        entsoe = Entsoe(
            http=HttpClient(
                provider="entsoe",
                base_url="https://tp.test",
                transport=httpx.MockTransport(
                    lambda _: httpx.Response(200, content=document(*half_day(next(ends))))
                ),
            ),
            token=lambda: TOKEN,
            wanted=ZONES[:1],
        )

        def hours(now: datetime) -> list[int]:
            [harvest] = entsoe.fetch(now)
            return [r.valid_to.hour for r in harvest.readings if r.basis is Basis.DIRECT]

        assert hours(NOON + timedelta(hours=3)) == [14]
        assert hours(NOON + timedelta(hours=9)) == [15, 16, 17, 18, 19, 20]

    def test_simulated_upstreams_make_simulated_readings(self) -> None:
        assert all(reading.simulated for reading in run(DARK, simulated=True)[0].readings)


def recorded(folder: Path, name: str, domain: str) -> list[Slot]:
    return slots(read((folder / f"entsoe/A75_{name}.xml").read_bytes(), domain, "Z"), "Z")


class TestRealBytes:
    @pytest.mark.parametrize(
        ("name", "domain", "at", "total_mw"),
        [
            ("NL_2024-09-02_A03", NL, "2024-09-01T22:00Z", 9369.23),
            ("NL_2024-09-02_A03", NL, "2024-09-02T10:00Z", 14904.42),
            ("NL_2024-09-02_A03", NL, "2024-09-02T21:45Z", 10658.40),
            ("FR_2024-06-15_multiperiod", FR, "2024-06-15T02:00Z", 50059),
            ("ES_2024-06-15_zeros", "10YES-REE------0", "2024-06-15T10:00Z", 27324),
            ("FI_2025-10-21_A03", "10YFI-1--------U", "2025-10-24T11:45Z", 7920.73),
            ("NO5_2023-05-09_A01", "10Y1001A1001A48H", "2023-05-11T07:00Z", 3800),
        ],
    )
    def test_the_sum_of_generation_to_the_hundredth_of_a_megawatt(
        self, recordings: Path, name: str, domain: str, at: str, total_mw: float
    ) -> None:
        [found] = [s for s in recorded(recordings, name, domain) if stamp(s.valid_from) == at]
        assert found.total_mw == pytest.approx(total_mw, abs=0.005)
        assert found.complete

    def test_the_repeated_hour_of_the_clock_change_is_six_slots_in_utc(
        self, recordings: Path
    ) -> None:
        found = recorded(recordings, "DE_2017-10-29_DST_day", "10YDE-EON------1")
        assert [stamp(slot.valid_from)[11:16] for slot in found] == [
            "20:00",
            "20:15",
            "20:30",
            "20:45",
            "21:00",
            "21:15",
        ]

    def test_one_fuel_alone_is_no_mix(self, recordings: Path) -> None:
        found = recorded(recordings, "DE_2023-08-15_psrB01_only", "10Y1001A1001A83F")
        [(zone, source)] = [pair for pair in ZONES if pair[0].zone == "ENTSOE_DE_LU"]
        with pytest.raises(NoDataError, match="B02 B04 B05"):
            harvest_of(found, zone, source, fetched_at=datetime(2023, 8, 17, tzinfo=UTC))

    def test_no_data_with_status_200(self, recordings: Path) -> None:
        body = (recordings / "entsoe/ack_200_999_no_matching_data_A73.xml").read_bytes()
        with pytest.raises(NoDataError, match="No matching data found"):
            read(body, NL, "Z")

    def test_a_bad_request(self, recordings: Path) -> None:
        body = (recordings / "entsoe/ack_400_bad_request_TEXT-EDITED.xml").read_bytes()
        with pytest.raises(PermanentError, match="Bad request message"):
            read(body, NL, "Z", status=400)

    def test_a_real_zip_is_opened_and_its_other_document_refused_by_name(
        self, recordings: Path
    ) -> None:
        assert refusal((recordings / "entsoe/zip_answer_A86.zip").read_bytes()) == "malformed"

    def test_the_dutch_noon_and_night(self, recordings: Path) -> None:
        found = recorded(recordings, "NL_2024-09-02_A03", NL)
        zone, source = ZONES[0]

        def lifecycle(hour: int) -> Reading:
            now = datetime(2024, 9, 2, hour, tzinfo=UTC)
            return harvest_of(found, zone, source, fetched_at=now).readings[1]

        noon, night = lifecycle(12), lifecycle(2)
        assert (noon.quality, night.quality) == (Quality.ESTIMATED, Quality.MEASURED)
        assert noon.coverage > 0.8
        assert noon.gco2_low < noon.gco2_kwh < night.gco2_kwh < noon.gco2_high

    def test_every_cut_of_a_real_answer_is_refused_by_name(self, recordings: Path) -> None:
        body = (recordings / "entsoe/A75_NL_2024-09-02_A03.xml").read_bytes()
        assert {refusal(body[: len(body) * part // 20]) for part in range(20)} == {"not_xml"}
