"""Corrections reach the history: what an upstream corrects is stored again, and nothing else is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.entsoe.provider import WINDOW, Entsoe, Memory
from greenstream.domain.fuel_memory import LIFE
from greenstream.domain.reading import Basis, Kind, Reading, Signal
from greenstream.domain.zones import zones_of
from greenstream.ingest.stored_slots import StoredSlots, ZoneSlots
from greenstream.ports.store import StoreError
from tests.builders import a_reading
from tests.contract.entsoe_wire import document, period, series
from tests.contract.pipeline import Heard, ran
from tests.contract.pipeline import http as answering
from tests.fakes.memory_store import MemoryStore
from tests.storing import put_reading

DIRECT = Kind(Signal.AVERAGE, Basis.DIRECT)
LIFECYCLE = Kind(Signal.AVERAGE, Basis.LIFECYCLE)
FIRST_RUN = datetime(2026, 1, 6, 14, 10, tzinfo=UTC)
SECOND_RUN = datetime(2026, 1, 6, 16, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEEP_WARM = [False, True]


class CountingStore(MemoryStore):
    """Lists the readings that are written, and what is read of the history."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[tuple[str, Kind, datetime, datetime]] = []
        self.unreadable = False

    def provider_history(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> Sequence[Reading]:
        """Read the history as a provider does."""
        self.read.append((zone, kind, since, until))
        if self.unreadable:
            raise StoreError("memory history failed: unreadable")
        return self.history(zone, provider, kind, since=since, until=until)


class French:
    """ENTSO-E's provider for France, whose answer may change between runs."""

    def __init__(self, store: CountingStore) -> None:
        self.store = store
        self.heard = Heard()
        self.cold()

    def cold(self) -> None:
        """Forget everything, as a new sandbox does."""
        self.stored = StoredSlots("entsoe", WINDOW, self.store.provider_history, self.heard)
        self.memory = Memory()

    def run(self, body: bytes, at: datetime) -> list[Reading]:
        """Run on an answer; return what was written."""
        before = len(self.store.delivered)
        provider = Entsoe(
            http=answering("entsoe", {"/api": body}),
            token=lambda: "token",
            wanted=tuple(pair for pair in zones_of("entsoe") if pair[0].zone == "ENTSOE_FR"),
            stored=self.stored,
            memory=self.memory,
        )
        ran(provider, self.store, at)
        return self.store.delivered[before:]

    def history(self, kind: Kind = DIRECT) -> dict[datetime, float]:
        """Return the stored figures, rounded, by the start of their slot."""
        ever = {"since": FIRST_RUN - 9 * WINDOW, "until": FIRST_RUN + 9 * WINDOW}
        readings = self.store.history("ENTSOE_FR", "entsoe", kind, **ever)
        return {reading.valid_from: round(reading.gco2_kwh, 1) for reading in readings}


@pytest.fixture
def french() -> French:
    return French(CountingStore())


def at(hour: int) -> datetime:
    return datetime(2026, 1, 6, hour, tzinfo=UTC)


@pytest.mark.parametrize("cold", KEEP_WARM)
def test_a_corrected_document_corrects_the_history(
    cases: Path, french: French, *, cold: bool
) -> None:
    first = (cases / "entsoe/E13_FR_first.xml").read_bytes()
    corrected = (cases / "entsoe/E13_FR_corrected.xml").read_bytes()

    french.run(first, FIRST_RUN)
    assert french.history() == {at(11): 23.6}
    if cold:
        french.cold()
    french.run(corrected, SECOND_RUN)

    assert french.history()[at(11)] == 44.5
    versions = french.store.versions(
        "ENTSOE_FR", "entsoe", DIRECT, since=at(11), until=at(11) + HOUR
    )
    assert [round(version.gco2_kwh, 1) for version in versions] == [23.6, 44.5]


def mix(
    nuclear: dict[int, float],
    gas: dict[int, float],
    *,
    slots: int,
    wind_mw: float | None = 3000.0,
) -> bytes:
    """Return a French day of hours from midnight, in MW by position; without wind for ``None``."""
    power = {"B14": nuclear, "B04": gas, "B12": {1: 9000.0}, "B16": {1: 0.0}}
    if wind_mw is not None:
        power["B19"] = {1: wind_mw}
    return document(
        *(
            series(
                fuel,
                period(points, start=at(0), slots=slots, minutes=60),
                domain="10YFR-RTE------C",
            )
            for fuel, points in power.items()
        )
    )


@pytest.mark.parametrize("cold", KEEP_WARM)
def test_a_feed_that_loses_its_wind_does_not_correct_the_past(
    french: French, *, cold: bool
) -> None:
    for hour in range(6, 12):
        french.run(mix({1: 40000}, {1: 3000}, slots=hour), at(hour))
    before = french.history()
    if cold:
        french.cold()

    written = french.run(mix({1: 40000}, {1: 3000}, slots=12, wind_mw=None), at(12))

    assert written == []
    assert french.history() == before


def test_what_did_not_change_is_not_written_again(french: French) -> None:
    day = mix({1: 40000}, {1: 3000}, slots=12)
    french.run(day, at(12))

    assert {r.valid_from for r in french.run(day, at(12) + HOUR / 4)} == {at(11)}
    french.cold()
    assert {r.valid_from for r in french.run(day, at(12) + HOUR / 2)} == {at(11)}


@pytest.mark.parametrize("cold", KEEP_WARM)
def test_only_the_slots_that_changed_are_written(french: French, *, cold: bool) -> None:
    for hour in range(6, 12):
        french.run(mix({1: 40000}, {1: 3000}, slots=hour), at(hour))
    if cold:
        french.cold()

    written = french.run(mix({1: 40000, 9: 38000, 10: 40000}, {1: 3000}, slots=13), at(13))

    assert {(r.valid_from, r.kind) for r in written} == {
        (at(hour), kind) for hour in (8, 11, 12) for kind in (DIRECT, LIFECYCLE)
    }


def test_a_change_below_the_rounding_of_the_store_is_not_written(french: French) -> None:
    for hour in (11, 12):
        french.run(mix({1: 40000}, {1: 3000}, slots=hour), at(hour))

    written = french.run(mix({1: 40000, 11: 40000.01, 12: 40000}, {1: 3000}, slots=12), at(13))

    assert {r.valid_from for r in written} == {at(11)}


def test_the_past_of_an_empty_table_is_not_written(french: French) -> None:
    day = mix({1: 40000}, {1: 3000}, slots=12)
    assert {r.valid_from for r in french.run(day, at(12))} == {at(11)}


def test_a_new_sandbox_fills_the_gap_since_the_last_stored_slot(french: French) -> None:
    french.run(mix({1: 40000}, {1: 3000}, slots=8), at(8))
    french.cold()
    french.run(mix({1: 40000}, {1: 3000}, slots=12), at(12))

    assert list(french.history()) == [at(hour) for hour in (7, 8, 9, 10, 11)]


def test_the_window_is_read_once_for_each_zone_and_kind(french: French) -> None:
    french.run(mix({1: 40000}, {1: 3000}, slots=9), at(9))
    french.store.read.clear()
    french.cold()
    for hour in (10, 11, 12):
        french.run(mix({1: 40000}, {1: 3000}, slots=hour), at(hour))

    window = (at(10) - WINDOW, at(10))
    assert french.store.read == [
        ("ENTSOE_FR", DIRECT, *window),
        ("ENTSOE_FR", LIFECYCLE, *window),
    ]


def test_the_two_weeks_before_an_empty_window_are_read_once(french: French) -> None:
    for hour in (10, 11, 12):
        french.run(mix({1: 40000}, {1: 3000}, slots=hour), at(hour))

    [*_, before] = french.store.read
    assert before == ("ENTSOE_FR", DIRECT, at(10) - LIFE, at(10) - WINDOW)
    assert len(french.store.read) == 3


def test_a_store_that_cannot_be_read_stops_nothing(french: French) -> None:
    french.run(mix({1: 40000}, {1: 3000}, slots=10), at(10))
    french.cold()
    french.store.unreadable = True

    written = french.run(mix({1: 38000}, {1: 3000}, slots=11), at(11))

    assert {r.valid_from for r in written} == {at(10)}
    [line] = [line for line in french.heard.lines if line["message"] == "history not read"]
    assert (line["level"], line["zone"]) == ("warning", "ENTSOE_FR")
    assert {r.valid_from for r in french.run(mix({1: 38000}, {1: 3000}, slots=12), at(12))} == {
        at(11)
    }


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"fuel_mw": "B14"},
        {"fuel_mw": {"B14": "much"}},
        {"fuel_mw": {"B19": [1]}},
        {"last_reported_mw": {"B19": 900}},
        {"last_reported_mw": {"B19": ["much", "2026-01-06T09:00:00+00:00"]}},
        {"last_reported_mw": {"B19": [900, "yesterday"]}},
        {"last_reported_mw": {"B19": [900, None]}},
    ],
)
def test_a_damaged_detail_stops_nothing(french: French, detail: dict[str, object]) -> None:
    french.run(mix({1: 40000}, {1: 3000}, slots=10), at(10))
    [stored] = french.store.history("ENTSOE_FR", "entsoe", DIRECT, since=at(9), until=at(10))
    put_reading(french.store, replace(stored, detail=detail, fetched_at=at(10) + HOUR / 4))
    french.cold()

    written = french.run(mix({1: 40000}, {1: 3000}, slots=11), at(11))

    assert {r.valid_from for r in written} == {at(10)}


def test_a_write_that_failed_is_repeated(french: French) -> None:
    french.run(mix({1: 40000}, {1: 3000}, slots=11), at(11))
    corrected = mix({1: 40000, 11: 38000, 12: 40000}, {1: 3000}, slots=12)
    french.store.unreachable = True
    with pytest.raises(StoreError):
        french.run(corrected, at(12))
    french.store.unreachable = False

    assert at(10) in {r.valid_from for r in french.run(corrected, at(12))}


def test_slots_that_fell_out_of_the_window_are_forgotten() -> None:
    slots = ZoneSlots([DIRECT], timedelta(hours=2), ())
    old = a_reading(valid_to=at(8), fetched_at=at(8))
    slots.remember({at(8): {"gas": 1.0}}, [old], at(8))
    slots.remember({at(11): {"gas": 1.0}}, [replace(old, valid_to=at(11))], at(11))

    assert not slots.asks_for(at(8), at(11), {"gas": 2.0})
    assert slots.asks_for(at(10), at(11), {"gas": 2.0})
    assert slots.lacks(old)
