"""The ENTSO-E provider: its zones and factors, and its runs with built documents."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from functions.entsoe.mix import table_of
from functions.entsoe.provider import MAX_ZONES_PER_RUN, Entsoe
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.domain.reading import (
    Basis,
    Kind,
    Quality,
    Scope,
    Signal,
)
from greenstream.domain.zones import zones_of
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient
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
