"""The ENTSO-E provider, with built documents and real answers."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.entsoe.document import read
from functions.entsoe.mix import Known, batch_of, memory_of, solar_in_other, table_of
from functions.entsoe.provider import MAX_ZONES_PER_RUN, WINDOW, Entsoe
from functions.entsoe.slots import slots
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.domain.intensity import mix_intensity
from greenstream.domain.ladder import FULL_COVERAGE
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.reading import (
    MIN_COVERAGE,
    Basis,
    Kind,
    Quality,
    Reading,
    Scope,
    Signal,
)
from greenstream.domain.zones import zones_of
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient
from greenstream.ingest.stored_slots import ZoneSlots
from greenstream.ingest.week_means import WeekMeans
from greenstream.ports.provider import Batch
from greenstream.ports.store import StoreError
from tests.builders import stored
from tests.contract.entsoe_wire import (
    DARK,
    FR,
    NL,
    NO_DATA,
    NOON,
    acknowledgement,
    believable_mw,
    document,
    period,
    series,
)
from tests.contract.provider_wire import Silent
from tests.fakes.memory_store import MemoryStore

TOKEN = "marked-token-5f1c"
Answer = Callable[[httpx.Request], httpx.Response]
ZONES = zones_of("entsoe")


def eic_check_character(code: str) -> str:
    """Return the sixteenth character of an energy identification code by ENTSO-E's manual."""
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


def test_a_zones_own_factors_replace_the_common_ones() -> None:
    own, common = (table_of(zone, Basis.DIRECT).factors for zone in ("ENTSOE_NL", "ENTSOE_NO1"))
    assert own["B05"].gco2_kwh == 716.0
    assert common["B05"].gco2_kwh == 1035.2
    assert own["B19"] == common["B19"]


def slot(at: int, **fuels_mw: float) -> Mix:
    start = NOON + at * timedelta(minutes=15)
    return Mix(start, start + timedelta(minutes=15), fuels_mw)


class TestDutchOther:
    """In the Netherlands, B20 includes roof solar, which follows the metered solar power."""

    @staticmethod
    def day(other: Callable[[int], float]) -> list[Mix]:
        sun = [max(0.0, 300.0 - abs(at - 48) * 12.0) for at in range(96)]
        return [
            slot(at - 96, B04=4000.0, B05=1000.0, B16=sun[at], B20=other(at)) for at in range(96)
        ]

    @staticmethod
    def solar_mw(day: list[Mix], slot: Mix) -> float:
        return solar_in_other(day, slot, rules_of_source("entsoe", "ENTSOE_NL")).mw

    def test_the_part_that_follows_the_sun_is_solar_and_the_rest_is_unknown(self) -> None:
        day = self.day(lambda at: 1500 + 28 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        assert self.solar_mw(day, day[48]) == pytest.approx(28 * 300)
        assert self.solar_mw(day, day[0]) == 0

    def test_the_solar_part_is_never_more_than_other(self) -> None:
        day = self.day(lambda at: 1500 + 28 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        cloud = slot(0, B04=4000.0, B05=1000.0, B16=300.0, B20=700.0)
        assert self.solar_mw(day, cloud) == 700

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
    def test_no_solar_part_is_estimated_when_other_does_not_follow_the_sun(
        self, other: Callable[[int], float]
    ) -> None:
        day = self.day(other)
        assert self.solar_mw(day, day[48]) == 0

    def test_the_reading_is_an_estimate_whose_bounds_do_not_use_the_solar_part(self) -> None:
        day = self.day(lambda at: 1500 + 28 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        zone, source = ZONES[0]
        at = day[48]
        for reading in batch_of(day[:49], zone, source, fetched_at=at.valid_to).readings:
            assert reading.quality is Quality.ESTIMATED
            assert reading.coverage == pytest.approx(
                5300 / at.total_mw
            )  # gas, coal and metered solar
            assert reading.gco2_high - reading.gco2_low > 600
            assert reading.detail["solar_in_other_mw"] == 8400
            assert reading.detail["fuel_mw"] == at.generation_mw

    @staticmethod
    def curtailed_day(other: Callable[[float], float] = lambda sun: 1500 + 28 * sun) -> list[Mix]:
        """Return a day whose metered plants are switched off from six hours before noon."""
        sun = [max(0.0, 300.0 - abs(at - 48) * 12.0) for at in range(96)]
        return [
            slot(
                at - 48,
                B04=1200.0,
                B05=0.0,
                B14=470.0,
                B16=5.0 if 24 <= at <= 72 and sun[at] > 5 else sun[at],
                B18=900.0,
                B20=other(sun[at]),
            )
            for at in range(96)
        ]

    def test_the_sun_of_a_curtailed_noon_is_an_estimate_and_not_a_measurement(self) -> None:
        day, (zone, source) = self.curtailed_day(), ZONES[0]
        noon = day[48]
        for reading in batch_of(day[:49], zone, source, fetched_at=noon.valid_to).readings:
            assert reading.quality is Quality.ESTIMATED
            assert reading.detail["split_of_other_known"] is False
            assert reading.detail["solar_in_other_mw"] == pytest.approx(28 * 300, rel=0.05)
            assert MIN_COVERAGE < reading.coverage < FULL_COVERAGE
            gas = table_of(zone.zone, reading.basis).factors["B04"]
            assert gas.gco2_kwh is not None
            cogenerated = dict(noon.generation_mw) | {"B04": 2700.0, "B16": 8405.0, "B20": 0.0}
            truth = mix_intensity(
                cogenerated, table_of(zone.zone, reading.basis), provider="p", zone="Z"
            ).gco2_kwh
            assert reading.gco2_low <= truth <= reading.gco2_high
            assert reading.gco2_kwh == pytest.approx(truth, abs=60)
            without_the_sun = mix_intensity(
                noon.generation_mw, table_of(zone.zone, reading.basis), provider="p", zone="Z"
            ).gco2_kwh
            assert abs(reading.gco2_kwh - truth) < abs(without_the_sun - truth) / 1.5

    def test_a_curtailed_noon_whose_other_is_as_by_night_is_no_measurement_either(self) -> None:
        day, (zone, source) = self.curtailed_day(other=lambda _: 1500.0), ZONES[0]
        for reading in batch_of(day[:49], zone, source, fetched_at=day[48].valid_to).readings:
            assert reading.quality is Quality.ESTIMATED
            assert reading.detail["solar_in_other_mw"] == 0
            assert reading.gco2_low < reading.gco2_kwh < reading.gco2_high

    def test_cogeneration_of_the_night_is_not_taken_for_sun(self) -> None:
        day = [
            mix._replace(generation_mw={**mix.generation_mw, "B20": 4000.0 if at < 12 else 3500.0})
            for at, mix in enumerate(self.curtailed_day())
        ]
        assert self.solar_mw(day, day[48]) == 0
        assert self.solar_mw(day, day[4]) == 0

    def test_a_recorded_day_has_the_same_noon_when_its_metered_sun_is_switched_off(
        self, recordings: Path
    ) -> None:
        zone, source = ZONES[0]
        body = (recordings / "entsoe/A75_NL_2024-09-02_A03.xml").read_bytes()
        day = slots(read(body, NL, zone.zone))
        curtailed = [
            mix._replace(
                generation_mw={
                    **mix.generation_mw,
                    "B16": 2.0 if 8 <= mix.valid_from.hour < 15 else mix.generation_mw["B16"],
                }
            )
            for mix in day
        ]
        noon = next(at for at, mix in enumerate(day) if mix.valid_from.hour == 12)
        whole, cut = (
            {
                reading.basis: reading
                for reading in batch_of(
                    mixes[: noon + 1], zone, source, fetched_at=day[noon].valid_to
                ).readings
            }
            for mixes in (day, curtailed)
        )
        for basis in Basis:
            assert cut[basis].quality is Quality.ESTIMATED
            assert not cut[basis].detail["split_of_other_known"]
            assert cut[basis].coverage < FULL_COVERAGE
            assert cut[basis].gco2_kwh == pytest.approx(whole[basis].gco2_kwh, abs=15)

    def test_a_noon_with_low_coverage_is_refused_although_other_follows_the_sun(self) -> None:
        day = self.day(lambda at: 1500 + 76 * max(0.0, 300.0 - abs(at - 48) * 12.0))
        zone, source = ZONES[0]
        at = day[48]
        assert 5300 / at.total_mw < MIN_COVERAGE
        batch = batch_of(day[:49], zone, source, fetched_at=at.valid_to)
        assert batch.readings == ()
        reasons = [error.reason for error in batch.errors if isinstance(error, InvalidError)]
        assert reasons == ["low_coverage"] * 2

    def test_a_noon_of_mostly_other_is_refused_when_other_does_not_follow_the_sun(self) -> None:
        day = self.day(lambda _: 23_000.0)
        zone, source = ZONES[0]
        batch = batch_of(day[:49], zone, source, fetched_at=day[48].valid_to)
        assert batch.readings == ()
        reasons = [error.reason for error in batch.errors if isinstance(error, InvalidError)]
        assert reasons == ["low_coverage"] * 2


def test_the_window_has_each_slot_that_is_believed_on_both_bases() -> None:
    zone, source = ZONES[0]
    whole = {"B04": 4000.0, "B05": 1000.0, "B19": 500.0, "B20": 0.0}
    day = [slot(at, **whole) for at in range(8)]
    day[2] = slot(2, B04=4000.0, B05=1000.0, B20=0.0)
    day[4] = slot(4, **whole | {"B19": -500.0})
    batch = batch_of(day, zone, source, fetched_at=day[-1].valid_to, simulated=True)
    window = list(batch.window())
    for basis in Basis:
        assert ends(window, basis) == [day[at].valid_to for at in (0, 1, 3, 5, 6, 7)]
    assert list(batch.readings) == window[-2:]


class TestRefusals:
    """What is refused is reported once for each reason, and again only by a new sandbox."""

    @staticmethod
    def reasons(day: list[Mix], after: datetime | None = None) -> dict[str, str]:
        zone, source = ZONES[0]
        stored_slots = ZoneSlots(source.kinds, WINDOW, ())
        if after is not None:
            stored_slots.remember({after: {}}, (), after)
        batch = batch_of(
            day,
            zone,
            source,
            fetched_at=day[-1].valid_to,
            known=Known(stored_slots, memory_of(zone), WeekMeans(provider="entsoe")),
        )
        errors = [error for error in batch.errors if isinstance(error, InvalidError)]
        assert len(errors) == len(batch.errors)
        assert {(error.provider, error.zone) for error in errors} <= {("entsoe", "ENTSOE_NL")}
        return {error.reason: error.message for error in errors}

    @staticmethod
    def day() -> list[Mix]:
        whole = {"B04": 4000.0, "B05": 1000.0, "B19": 500.0, "B20": 0.0}
        day = [slot(at, **whole) for at in range(8)]
        for at in (2, 3, 7):
            day[at] = slot(at, B04=4000.0, B05=1000.0, B20=0.0)
        day[4] = slot(4, **whole | {"B19": -500.0})
        return day

    def test_slots_refused_for_one_reason_are_one_error(self) -> None:
        assert self.reasons(self.day()) == {
            "missing_fuel": "the slot of 2026-05-06T13:45Z, and 2 before it: the mix has no "
            "B19 (500 MW before)",
            "negative": "the slot of 2026-05-06T13:00Z: B19 makes -500 MW",
        }

    def test_what_lies_before_the_progress_marker_was_reported_when_it_was_new(self) -> None:
        day = self.day()
        assert self.reasons(day, after=day[5].valid_to).keys() == {"missing_fuel"}
        assert self.reasons(day[:7], after=day[5].valid_to) == {}

    def test_a_zone_of_which_nothing_is_believed_says_so_each_time(self) -> None:
        day = [slot(at, B19=500.0) for at in range(4)]
        assert self.reasons(day, after=day[-1].valid_to).keys() == {"missing_fuel"}

    def test_a_zone_whose_slots_have_not_ended_has_no_data(self) -> None:
        zone, source = ZONES[0]
        [later] = self.day()[:1]
        with pytest.raises(NoDataError, match="none of the 1 slots has ended"):
            batch_of([later], zone, source, fetched_at=later.valid_from)


def ends(readings: Iterable[Reading], basis: Basis) -> list[datetime]:
    return [reading.valid_to for reading in readings if reading.basis is basis]


def run(
    answer: Answer | bytes,
    *,
    now: datetime = NOON + timedelta(hours=1, minutes=20),
    zones: int = 1,
    token: str | None = TOKEN,
    **provider: Any,
) -> list[Batch]:
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
    """Answer with the fuels that the zone needs."""
    domain = request.url.params["in_Domain"]
    [zone] = [zone.zone for zone, source in ZONES if source.provider_zone == domain]
    fuels = believable_mw(zone).items()
    body = document(*(series(fuel, period({1: mw}), domain=domain) for fuel, mw in fuels))
    return httpx.Response(200, content=body, headers={"Content-Type": "text/xml"})


def asked_zones(batches: Sequence[Batch]) -> list[str]:
    return [
        *(reading.zone for batch in batches for reading in batch.readings[:1]),
        *(str(error.zone) for batch in batches for error in batch.errors),
    ]


class TestRun:
    def test_one_request_gives_a_zones_intensity_on_both_bases(self) -> None:
        requests: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            return httpx.Response(200, content=DARK)

        [batch] = run(answer)

        [request] = requests
        assert request.url.path == "/api"
        assert dict(request.url.params) == {
            "documentType": "A75",
            "processType": "A16",
            "in_Domain": NL,
            "periodStart": "202605050000",
            "periodEnd": "202605061400",
        }
        direct, lifecycle = batch.readings
        assert (direct.basis, lifecycle.basis) == (Basis.DIRECT, Basis.LIFECYCLE)
        assert direct.gco2_kwh == pytest.approx((3000 * 361.9 + 1000 * 716.0) / 4000, abs=0.2)
        assert lifecycle.gco2_kwh == pytest.approx((3000 * 481.9 + 1000 * 776.0) / 4000, abs=0.2)
        for reading in batch.readings:
            assert (reading.zone, reading.provider_zone) == ("ENTSOE_NL", NL)
            assert (reading.signal, reading.scope) == (Signal.AVERAGE, Scope.PRODUCTION)
            assert reading.quality is Quality.MEASURED
            assert reading.coverage == 1
            assert reading.valid_from == NOON + timedelta(minutes=45)
            assert reading.valid_to == NOON + timedelta(hours=1)
            assert not reading.simulated

    def test_the_token_is_sent_in_a_header_and_nowhere_else(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            assert request.headers["SECURITY_TOKEN"] == TOKEN
            assert TOKEN not in str(request.url)
            return httpx.Response(200, content=DARK)

        assert run(answer)[0].readings

    def test_without_a_token_there_is_no_request_and_no_error(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            raise AssertionError(request)

        [batch] = run(answer, token=None, zones=3)

        assert batch.unconfigured == tuple(zone.zone for zone, _ in ZONES[:3])
        assert batch.errors == ()

    def test_a_refused_token_ends_the_run_and_the_page_is_not_quoted(self) -> None:
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            return httpx.Response(401, html=f"<html>Unauthorized {TOKEN}</html>")

        with pytest.raises(PermanentError) as failed:
            run(answer, zones=5)

        assert len(asked) == 1
        assert TOKEN not in str(failed.value)

    def test_a_ban_ends_the_run_and_stops_requests_for_ten_minutes(self) -> None:
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

        batches = run(answer, zones=4)

        [error] = [error for batch in batches for error in batch.errors]
        assert (type(error), error.provider, error.zone) == (kind, "entsoe", "ENTSOE_NL")
        assert len({r.zone for batch in batches for r in batch.readings}) == 3

    def test_a_fuel_without_a_factor_lowers_coverage(self) -> None:
        body = DARK.replace(
            b"</GL_MarketDocument>",
            series("B99", period({1: 1000})).encode() + b"</GL_MarketDocument>",
        )
        [batch] = run(body)

        assert [reading.coverage for reading in batch.readings] == [0.8, 0.8]
        assert batch.readings[0].detail["unlisted"] == ["B99"]

    def test_generation_far_below_zero_is_refused_and_station_use_is_not(self) -> None:
        def refused(solar_mw: float) -> list[str]:
            body = DARK.replace(
                b"</GL_MarketDocument>",
                series("B16", period({1: solar_mw})).encode() + b"</GL_MarketDocument>",
            )
            [batch] = run(body)
            return [error.reason for error in batch.errors if isinstance(error, InvalidError)]

        assert refused(-0.5) == []
        assert refused(-900) == ["negative"]

    def test_a_run_asks_for_a_limited_number_of_zones_and_the_next_run_continues(self) -> None:
        entsoe = Entsoe(
            http=HttpClient(
                provider="entsoe",
                base_url="https://tp.test",
                transport=httpx.MockTransport(by_zone),
            ),
            token=lambda: TOKEN,
        )
        asked = [
            asked_zones(stored(entsoe.fetch(NOON + timedelta(hours=1, minutes=10 * index))))
            for index in range(3)
        ]

        assert [len(zones) for zones in asked] == [MAX_ZONES_PER_RUN] * 3
        assert [zones[0] for zones in asked] == ["ENTSOE_NL"] * 3
        assert {name for zones in asked for name in zones} == {zone.zone for zone, _ in ZONES}

    def test_a_slow_upstream_ends_the_run_in_time_and_every_zone_gets_its_turn(self) -> None:
        time_s = iter(range(0, 10_000, 10))  # Every look at the clock is ten seconds later.
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
        asked = [asked_zones(stored(entsoe.fetch(NOON + timedelta(hours=1)))) for _ in range(3)]

        assert [len(zones) for zones in asked] == [3, 3, 3]
        assert {name for zones in asked for name in zones} == {zone.zone for zone, _ in ZONES[:7]}

    def test_a_run_whose_batches_were_not_acknowledged_begins_at_the_same_zone_again(self) -> None:
        entsoe = Entsoe(
            http=HttpClient(
                provider="entsoe",
                base_url="https://tp.test",
                transport=httpx.MockTransport(by_zone),
            ),
            token=lambda: TOKEN,
        )
        first, second = (asked_zones(list(entsoe.fetch(NOON))) for _ in range(2))
        third = asked_zones(stored(entsoe.fetch(NOON)))
        assert first == second == third
        assert asked_zones(stored(entsoe.fetch(NOON)))[1] not in first

    @staticmethod
    def dutch_slots_to(*ends: int) -> Entsoe:
        """Return a Dutch provider whose answers end these numbers of quarter hours after noon."""
        counts = iter(ends)

        def answer(_: httpx.Request) -> httpx.Response:
            points = period({1: 2000}, slots=next(counts))
            fuels = ("B04", "B05", "B20")
            return httpx.Response(200, content=document(*(series(fuel, points) for fuel in fuels)))

        return Entsoe(
            http=HttpClient(
                provider="entsoe",
                base_url="https://tp.test",
                transport=httpx.MockTransport(answer),
            ),
            token=lambda: TOKEN,
            wanted=ZONES[:1],
        )

    def test_half_a_day_published_at_once_is_stored_completely(self) -> None:
        entsoe = self.dutch_slots_to(8, 32, 32, 32)

        def ends_of(batches: Iterable[Batch]) -> list[datetime]:
            [batch] = batches
            return [r.valid_to for r in batch.readings if r.basis is Basis.DIRECT]

        half_day = [NOON + timedelta(hours=2, minutes=15 * slot) for slot in range(1, 25)]
        later = NOON + timedelta(hours=9)
        assert ends_of(stored(entsoe.fetch(NOON + timedelta(hours=3)))) == [
            NOON + timedelta(hours=2)
        ]
        assert ends_of(entsoe.fetch(later)) == half_day
        assert ends_of(stored(entsoe.fetch(later))) == half_day, "it was not acknowledged before"
        assert ends_of(stored(entsoe.fetch(later))) == half_day[-1:]

    def test_a_store_failure_leaves_the_progress_marker_where_it_was(self) -> None:
        entsoe = self.dutch_slots_to(8, 32, 32)
        stored(entsoe.fetch(NOON + timedelta(hours=3)))
        later = NOON + timedelta(hours=9)

        with pytest.raises(StoreError):
            collect(entsoe, MemoryStore(unreachable=True), clock=lambda: later, telemetry=Silent())
        store = MemoryStore()
        collect(entsoe, store, clock=lambda: later, telemetry=Silent())

        kind = Kind(Signal.AVERAGE, Basis.DIRECT)
        kept = store.history("ENTSOE_NL", "entsoe", kind, since=NOON, until=later)
        assert len(kept) == 24

    def test_simulated_upstreams_make_simulated_readings(self) -> None:
        assert all(reading.simulated for reading in run(DARK, simulated=True)[0].readings)


def recorded(folder: Path, name: str, domain: str) -> list[Mix]:
    return slots(read((folder / f"entsoe/A75_{name}.xml").read_bytes(), domain, "Z"))


class TestRealBytes:
    def test_a_document_with_one_fuel_is_refused(self, recordings: Path) -> None:
        day = recorded(recordings, "DE_2023-08-15_psrB01_only", "10Y1001A1001A83F")
        [(zone, source)] = [pair for pair in ZONES if pair[0].zone == "ENTSOE_DE_LU"]
        batch = batch_of(day, zone, source, fetched_at=datetime(2023, 8, 17, tzinfo=UTC))
        [error] = batch.errors
        assert batch.readings == ()
        assert isinstance(error, InvalidError)
        assert error.reason == "missing_fuel"
        assert "and 95 before it: the mix has no B02, B04, B05, B19" in error.message

    def test_a_dutch_noon_and_night_have_the_expected_intensities(self, recordings: Path) -> None:
        day = recorded(recordings, "NL_2024-09-02_A03", NL)
        zone, source = ZONES[0]

        def lifecycle(hour: int) -> Reading:
            now = datetime(2024, 9, 2, hour, tzinfo=UTC)
            return batch_of(day, zone, source, fetched_at=now).readings[1]

        noon, night = lifecycle(12), lifecycle(2)
        assert (noon.quality, night.quality) == (Quality.ESTIMATED, Quality.MEASURED)
        assert 0.2 < noon.coverage < 0.3  # gas, coal, wind and metered solar; "Other" is unknown
        assert night.coverage > 0.7
        assert noon.gco2_low < noon.gco2_kwh < night.gco2_kwh < noon.gco2_high
