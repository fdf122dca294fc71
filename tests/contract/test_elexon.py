"""Elexon's FUELINST: what is made of a slot, its bounds, and which slots are refused by name."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.elexon.provider import PATH, REVISABLE, WINDOW, Elexon
from functions.elexon.rows import LONDON, settlement
from greenstream.domain.intensity import factor_tables
from greenstream.domain.ladder import Ladder, Rung
from greenstream.domain.moment import Moment
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Basis, Kind, Quality, Reading, Scope, Signal
from greenstream.domain.zones import zones, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.stored_slots import StoredSlots
from tests.builders import a_reading
from tests.contract.pipeline import Ran, http, ran
from tests.fakes.memory_store import MemoryStore

NOW = datetime(2026, 1, 20, 18, 2, tzinfo=UTC)
STEP = timedelta(minutes=5)
NEWEST = datetime(2026, 1, 20, 17, 55, tzinfo=UTC)
"""The start of the newest slot that is published by `NOW`, after sunset."""

MIX: Mapping[str, int] = {
    "BIOMASS": 2000,
    "CCGT": 10_000,
    "COAL": 0,
    "INTELEC": 0,
    "INTEW": -200,
    "INTFR": 1000,
    "INTGRNL": -100,
    "INTIFA2": 0,
    "INTIRL": 0,
    "INTNED": 0,
    "INTNEM": 0,
    "INTNSL": 0,
    "INTVKL": 0,
    "NPSHYD": 500,
    "NUCLEAR": 4000,
    "OCGT": 0,
    "OIL": 0,
    "OTHER": 500,
    "PS": -600,
    "WIND": 6000,
}
KNOWN_MW = 2000 + 10_000 + 1000 + 500 + 4000 + 6000
Row = dict[str, Any]
Answer = bytes | Sequence[Any] | Mapping[str, Any] | httpx.Response


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def slot(
    start: datetime = NEWEST, published_at: datetime | None = None, **fuel_mw: Any
) -> list[Row]:
    """Return the rows of a slot in the wire format; ``None`` leaves a fuel out."""
    date, period = settlement(start)
    return [
        {
            "dataset": "FUELINST",
            "publishTime": stamp(published_at or start + STEP),
            "startTime": stamp(start),
            "settlementDate": date,
            "settlementPeriod": period,
            "fuelType": fuel,
            "generation": mw,
        }
        for fuel, mw in ({**MIX, **fuel_mw}).items()
        if mw is not None
    ]


def moving(start: datetime, **fuel_mw: Any) -> list[Row]:
    """Return a slot whose gas differs from that of each slot of the same hour."""
    return slot(start, **{"CCGT": 10_000 + start.minute, **fuel_mw})


def past(count: int, until: datetime = NEWEST) -> list[Row]:
    """Return the slots before ``until``, the newest first as on the wire."""
    return [row for back in range(1, count + 1) for row in moving(until - back * STEP)]


def run(
    answer: Answer, store: MemoryStore | None = None, *, now: datetime = NOW, status: int = 200
) -> Ran:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    made = httpx.Response(status, content=body, headers={"content-type": "application/json"})
    store = MemoryStore() if store is None else store
    return ran(provider_on(store, http("elexon", {PATH: made})), store, now)


def provider_on(store: MemoryStore, client: HttpClient) -> Elexon:
    return Elexon(client, stored=StoredSlots("elexon", WINDOW, store.history))


def reading_of(answer: Answer, basis: str = "direct", **more: Any) -> Reading:
    return run(answer, **more).readings["GBR", basis]


class TestAGoodSlot:
    def test_has_the_mean_of_its_fuels_and_imports_that_have_a_factor(self) -> None:
        reading = reading_of(slot())

        assert reading.gco2_kwh == pytest.approx((10_000 * 394 + 1000 * 40.9) / KNOWN_MW, abs=1e-3)
        assert (reading.valid_from, reading.valid_to) == (NEWEST, NEWEST + STEP)
        assert reading.published_at == NEWEST + STEP
        assert (reading.quality, reading.scope) == (Quality.MEASURED, Scope.CONSUMPTION)

    def test_has_a_lifecycle_figure_too(self) -> None:
        gco2 = 10_000 * 514 + 1000 * 70.9 + 2000 * 230 + 500 * 24 + (4000 + 6000) * 12
        assert reading_of(slot(), "lifecycle").gco2_kwh == pytest.approx(gco2 / KNOWN_MW, abs=1e-3)

    def test_does_not_count_exports_and_pumping(self) -> None:
        more = slot(INTEW=-500, INTNED=-900, PS=-2000)

        assert reading_of(more).gco2_kwh == reading_of(slot()).gco2_kwh

    def test_has_as_lower_bound_the_one_beside_all_embedded_wind(self) -> None:
        reading = reading_of(slot())
        metered_mw = KNOWN_MW + 500

        low_gco2, high_gco2 = 10_000 * 394, 10_000 * 394 + 1000 * 150 + 500 * 937
        assert reading.gco2_low == pytest.approx(low_gco2 / (metered_mw + 6700), abs=1e-3)
        assert reading.gco2_high == pytest.approx(high_gco2 / metered_mw, abs=1e-3)
        assert reading.coverage == pytest.approx(KNOWN_MW / (metered_mw + 6700), abs=1e-3)

    def test_is_known_in_part_under_a_summer_sun(self) -> None:
        noon = datetime(2026, 6, 21, 12, 5, tzinfo=UTC)

        reading = reading_of(slot(noon - STEP), now=noon)

        assert 0.2 < reading.coverage < 0.5
        assert reading.gco2_low < reading.gco2_kwh / 2
        assert reading.gco2_kwh == reading_of(slot()).gco2_kwh

    def test_keeps_what_each_link_carries_and_says_what_is_not_metered(self) -> None:
        store = MemoryStore()
        run(slot(), store)
        [reading] = history(store)

        assert reading.detail["fuel_mw"] == MIX
        assert reading.detail["greatest_unmetered_mw"] == {
            "EMBEDDED_WIND": 6700.0,
            "EMBEDDED_SOLAR": 0.0,
        }
        assert "embedded" in str(reading.detail["not_metered"])

    def test_is_the_newest_whatever_the_order_of_the_rows(self) -> None:
        rows = moving(NEWEST - STEP) + slot()

        for order in (rows, rows[::-1]):
            assert reading_of(order).valid_from == NEWEST

    def test_lets_a_new_link_widen_the_bounds_without_a_figure_for_it(self) -> None:
        before, reading = reading_of(slot()), reading_of(slot(INTNEW=1000))

        assert reading.gco2_kwh == before.gco2_kwh
        assert reading.gco2_high > before.gco2_high
        assert reading.coverage < before.coverage

    @pytest.mark.parametrize("basis", list(Basis))
    def test_values_a_link_by_the_yearly_mean_of_the_grid_behind_it(self, basis: Basis) -> None:
        factors = factor_tables()["ELEXON", basis].factors
        behind = {
            "ENTSOE_FR": ("INTFR", "INTIFA2", "INTELEC"),
            "ENTSOE_NL": ("INTNED",),
            "ENTSOE_BE": ("INTNEM",),
            "ENTSOE_NO2": ("INTNSL",),
            "ENTSOE_DK1": ("INTVKL",),
            "ENTSOE_IE": ("INTIRL", "INTEW", "INTGRNL"),
        }
        for zone, links in behind.items():
            [mean] = [mean for mean in zones()[zone].annual_means if mean.basis is basis]
            assert {factors[link].gco2_kwh for link in links} == {mean.gco2_kwh}


def history(store: MemoryStore, basis: Basis = Basis.DIRECT) -> list[Reading]:
    kind = Kind(Signal.AVERAGE, basis)
    since = datetime(2020, 1, 1, tzinfo=UTC)
    return list(store.history("GBR", "elexon", kind, since=since, until=since.replace(year=2030)))


def scaled(share: float) -> dict[str, Any]:
    """Return a share of every fuel, in whole MW."""
    return {fuel: round(mw * share) for fuel, mw in MIX.items()}


REFUSED: Mapping[str, tuple[str, Callable[[], list[Row]]]] = {
    "without gas": ("missing_fuel", lambda: slot(CCGT=None)),
    "without any link": (
        "missing_fuel",
        lambda: [row for row in slot() if not row["fuelType"].startswith("INT")],
    ),
    "with nuclear power at 0": ("false_zero", lambda: slot(NUCLEAR=0)),
    "a digit too many": ("implausible_mw", lambda: slot(CCGT=100_000)),
    "more wind than is installed": ("implausible_mw", lambda: slot(WIND=60_000)),
    "a link beyond its cable": ("implausible_mw", lambda: slot(INTFR=10_000)),
    "a link that exports beyond its cable": ("implausible_mw", lambda: slot(INTFR=-10_000)),
    "a tenth of the grid": (
        "implausible_total",
        lambda: slot(**scaled(0.1)),
    ),
    "gas below zero": ("negative", lambda: slot(CCGT=-10_000, NUCLEAR=9000, WIND=20_000)),
    "text for a number": ("not_a_number", lambda: slot(CCGT="10000")),
    "null for a number": ("not_a_number", lambda: slot(CCGT=None) + null()),
    "true for a number": ("not_a_number", lambda: slot(CCGT=True)),
    "NaN": ("not_a_number", lambda: slot(CCGT=float("nan"))),
    "an integer beyond all floats": ("implausible_mw", lambda: slot(CCGT=10**400)),
    "two figures of one publication": ("contradiction", lambda: slot() + slot(CCGT=9000)),
    "the settlement period of another time": (
        "contradiction",
        lambda: [row | {"settlementPeriod": 37} for row in slot()],
    ),
    "the settlement date of another day": (
        "contradiction",
        lambda: [row | {"settlementDate": "2026-01-19"} for row in slot()],
    ),
    "the future": ("future", lambda: slot(NOW.replace(minute=0) + timedelta(hours=2))),
}


def null() -> list[Row]:
    """Return the row of gas with null for its power."""
    return [row | {"generation": None} for row in slot() if row["fuelType"] == "CCGT"]


class TestASlotThatCannotBeTrue:
    @pytest.mark.parametrize(("reason", "rows"), REFUSED.values(), ids=REFUSED)
    def test_is_refused_by_name_and_the_one_before_stands(
        self, reason: str, rows: Callable[[], list[Row]]
    ) -> None:
        batch = run(rows() + moving(NEWEST - STEP))

        assert batch.reasons("GBR") == {reason}
        assert batch.readings["GBR", "direct"].valid_from == NEWEST - STEP

    def test_is_refused_when_a_link_is_lost_that_imported(self) -> None:
        batch = run(slot(INTFR=None) + past(3))

        assert batch.reasons("GBR") == {"missing_fuel"}
        assert batch.readings["GBR", "direct"].valid_from == NEWEST - STEP

    def test_is_refused_when_a_link_is_lost_after_a_cold_start(self) -> None:
        store = MemoryStore()
        run(moving(NEWEST - STEP), store, now=NOW - STEP)

        batch = run(slot(INTFR=None), store)

        assert batch.reasons("GBR") == {"missing_fuel"}
        assert batch.readings["GBR", "direct"].valid_from == NEWEST - STEP

    def test_is_refused_when_wind_falls_to_nothing_that_blew_yesterday(self) -> None:
        yesterday = NEWEST - timedelta(days=1)
        batch = run(slot(WIND=0) + past(3) + moving(yesterday))

        assert batch.reasons("GBR") == {"false_zero"}

    def test_is_refused_while_the_feed_repeats_itself(self) -> None:
        still = [row for back in range(6) for row in slot(NEWEST - back * STEP, CCGT=11_111)]

        batch = run(still + past(20, NEWEST - 5 * STEP))

        assert batch.reasons("GBR") == {"frozen"}
        assert batch.readings["GBR", "direct"].valid_from == NEWEST - 5 * STEP

    def test_is_refused_as_a_part_when_it_is_below_half_of_the_least_of_a_day(self) -> None:
        batch = run(slot(**scaled(0.47)) + past(12 * 21))

        assert batch.reasons("GBR") == {"implausible_total"}


class TestWhatTheOperatorCorrects:
    def test_a_later_publication_of_a_slot_stands(self) -> None:
        later = slot(published_at=NOW - timedelta(minutes=1), CCGT=9000)

        for rows in (slot() + later, later + slot()):
            assert reading_of(rows).gco2_kwh == reading_of(slot(CCGT=9000)).gco2_kwh

    def test_a_later_publication_mends_a_figure_that_is_refused(self) -> None:
        later = slot(published_at=NOW - timedelta(minutes=1))

        assert run(slot(CCGT="soon") + later).refused == ()

    def test_a_stored_slot_that_has_changed_is_stored_again(self) -> None:
        store = MemoryStore()
        run(moving(NEWEST - STEP), store, now=NOW - STEP)

        run(slot() + moving(NEWEST - STEP, CCGT=12_000), store)

        assert [reading.valid_from for reading in history(store)] == [NEWEST - STEP, NEWEST]
        assert history(store)[0].detail["fuel_mw"] == {**MIX, "CCGT": 12_000}

    def test_slots_that_were_missed_are_stored_too(self) -> None:
        store = MemoryStore()
        run(moving(NEWEST - 12 * STEP), store, now=NOW - 12 * STEP)

        run(slot() + past(12), store)

        assert len(history(store)) == 13

    def test_an_empty_table_is_not_filled_with_the_past(self) -> None:
        store = MemoryStore()

        run(slot() + past(12), store)

        assert [reading.valid_from for reading in history(store)] == [NEWEST]


class TestAnAnswerThatCannotBeRead:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (b"<html>Back soon</html>", "not_json"),
            ({"data": slot()}, "malformed"),
            ([1, "row", None], "malformed"),
            ([row | {"startTime": "soon"} for row in slot()], "malformed"),
            ([row | {"startTime": "2026-01-20T17:57:00Z"} for row in slot()], "malformed"),
            ([row | {"startTime": "9999-12-31T23:55:00Z"} for row in slot()], "malformed"),
            ([row | {"publishTime": None} for row in slot()], "malformed"),
            ([row | {"dataset": "FUELHH"} for row in slot()], "malformed"),
            ([row | {"fuelType": 7} for row in slot()], "malformed"),
        ],
    )
    def test_is_refused_by_name(self, answer: Answer, reason: str) -> None:
        batch = run(answer)

        assert batch.reasons("GBR") == {reason}
        assert batch.readings == {}

    def test_loses_only_the_rows_that_are_unreadable(self) -> None:
        batch = run([{"fuelType": "CCGT"}, *slot()])

        assert batch.reasons("GBR") == {"malformed"}
        assert batch.gco2_kwh("GBR") == reading_of(slot()).gco2_kwh

    def test_has_no_data_when_it_is_empty(self) -> None:
        assert "no row" in str(run([]).status.last_error)

    @pytest.mark.parametrize(("status", "word"), [(400, "HTTP 400"), (503, "HTTP 503")])
    def test_names_the_status_that_refuses_it(self, status: int, word: str) -> None:
        problem = {"title": "One or more validation errors occurred.", "status": status}

        assert word in str(run(problem, status=status).status.last_error)


class TestARequest:
    def asked(self, store: MemoryStore, now: datetime = NOW) -> list[httpx.URL]:
        urls: list[httpx.URL] = []

        def answer(request: httpx.Request) -> httpx.Response:
            urls.append(request.url)
            return httpx.Response(200, json=slot())

        transport = httpx.MockTransport(answer)
        client = HttpClient(provider="elexon", base_url="https://e.test", transport=transport)
        ran(provider_on(store, client), store, now)
        return urls

    def test_asks_for_the_whole_window_when_nothing_is_stored(self) -> None:
        [url] = self.asked(MemoryStore())

        assert url.path == "/bmrs/api/v1/datasets/FUELINST/stream"
        assert url.params["publishDateTimeFrom"] == stamp(NOW - WINDOW)

    def test_asks_for_what_may_have_changed_since_the_newest_stored_slot(self) -> None:
        store = MemoryStore()
        run(moving(NEWEST - STEP), store, now=NOW - STEP)

        [url] = self.asked(store)

        assert url.params["publishDateTimeFrom"] == stamp(NEWEST - REVISABLE)

    def test_is_one_for_all_zones_of_great_britain(self) -> None:
        assert {zone.zone for zone, _ in zones_of("elexon")} == {
            "GBR",
            *(f"GBR-{region}" for region in range(1, 15)),
        }
        assert run(slot()).status.stored == 2


class TestTheSettlementPeriod:
    @pytest.mark.parametrize(
        ("start", "named"),
        [
            ("2024-02-12T17:45", ("2024-02-12", 36)),  # recorded
            ("2022-06-25T23:55", ("2022-06-26", 2)),  # quoted by DamonHD/reutils
            ("2026-10-25T00:30", ("2026-10-25", 4)),
            ("2026-10-25T01:30", ("2026-10-25", 6)),  # the repeated hour
            ("2026-10-25T23:55", ("2026-10-25", 50)),
            ("2026-03-29T22:55", ("2026-03-29", 46)),
        ],
    )
    def test_is_counted_from_midnight_in_london(self, start: str, named: tuple[str, int]) -> None:
        assert settlement(datetime.fromisoformat(start).replace(tzinfo=UTC)) == named

    @pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
    def test_refuses_no_slot_on_a_day_when_the_clocks_change(self, day: str) -> None:
        midnight = datetime.fromisoformat(day).replace(tzinfo=LONDON).astimezone(UTC)
        starts = [midnight + step * 2 * STEP for step in range(6 * 25)]
        last = starts[-1] + STEP

        assert run([row for start in starts for row in moving(start)], now=last).refused == ()


class TestTheFallbackOfGreatBritain:
    """NESO counts embedded wind and sun, so its figure comes first while it is live."""

    NESO = a_reading(
        zone="GBR",
        provider="eso",
        provider_zone="national",
        basis=Basis.DIRECT,
        scope=Scope.CONSUMPTION,
        gco2_kwh=140.0,
        valid_from=NOW - timedelta(minutes=62),
        valid_to=NOW - timedelta(minutes=32),
        fetched_at=NOW,
    )

    def at(self, zone: str, readings: Sequence[Reading], later: timedelta = timedelta(0)) -> Any:
        kinds = (Kind(Signal.AVERAGE, Basis.DIRECT),)
        return Ladder(zones()[zone], readings, ()).at(Moment(NOW + later, Policy()), kinds)

    @pytest.mark.parametrize("zone", ["GBR", "GBR-13"])
    def test_is_not_asked_while_neso_is_live(self, zone: str) -> None:
        carbon = self.at(zone, [reading_of(slot()), self.NESO])

        assert (carbon.origin.provider, carbon.rung) == ("eso", Rung.LIVE)
        assert carbon.origin.gco2_kwh == 140.0

    @pytest.mark.parametrize("zone", ["GBR", "GBR-13"])
    def test_stands_when_neso_is_late_and_before_the_yearly_mean(self, zone: str) -> None:
        late = replace(
            self.NESO,
            valid_from=NOW - timedelta(hours=4),
            valid_to=NOW - timedelta(hours=3, minutes=30),
        )
        for readings in ([late, reading_of(slot())], [reading_of(slot())]):
            carbon = self.at(zone, readings)
            assert (carbon.origin.provider, carbon.rung) == ("elexon", Rung.LIVE)

    def test_stands_in_part_under_a_summer_sun(self) -> None:
        noon = datetime(2026, 6, 21, 12, 5, tzinfo=UTC)
        reading = reading_of(slot(noon - STEP), now=noon)

        assert self.at("GBR", [reading], noon - NOW).rung is Rung.LIVE_PARTIAL

    def test_is_stale_half_an_hour_after_its_last_slot(self) -> None:
        assert self.at("GBR", [reading_of(slot())], timedelta(minutes=31)).rung is Rung.STALE


class TestTheRecordedAnswer:
    BODY = "elexon/FUELINST_stream_2024-02-12T1750Z.json"
    AT = datetime(2024, 2, 12, 17, 52, tzinfo=UTC)

    def test_has_the_expected_figures(self, recordings: Path) -> None:
        batch = run((recordings / self.BODY).read_bytes(), now=self.AT)

        assert batch.refused == ()
        direct, lifecycle = batch.readings["GBR", "direct"], batch.readings["GBR", "lifecycle"]
        assert (round(direct.gco2_kwh, 1), round(lifecycle.gco2_kwh, 1)) == (182.7, 255.9)
        assert (round(direct.gco2_low, 1), round(direct.gco2_high, 1)) == (143.9, 252.1)
        assert round(direct.coverage, 2) == 0.79

    @pytest.mark.parametrize(
        "fuel", ["BIOMASS", "CCGT", "NPSHYD", "NUCLEAR", "OTHER", "PS", "WIND"]
    )
    def test_is_refused_without_a_fuel_that_is_always_reported(
        self, recordings: Path, fuel: str
    ) -> None:
        rows = json.loads((recordings / self.BODY).read_bytes())

        batch = run([row for row in rows if row["fuelType"] != fuel], now=self.AT)

        assert batch.reasons("GBR") == {"missing_fuel"}

    def test_cut_anywhere_in_its_generation_it_is_refused(self, recordings: Path) -> None:
        rows = json.loads((recordings / self.BODY).read_bytes())
        names = [row["fuelType"] for row in rows]

        for count in range(1, names.index("WIND") + 1):
            assert run(rows[:count], now=self.AT).readings == {}
