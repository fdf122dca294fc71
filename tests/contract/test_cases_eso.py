"""NESO's answers with known faults: each is refused by name, and the last good figure stays."""

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from functions.eso.provider import REVISABLE, Eso
from greenstream.domain.reading import Basis, Forecast, Kind, Signal
from greenstream.domain.zones import zones_of
from greenstream.ingest.stored_slots import StoredSlots
from tests.contract.neso_mixes import mix_of, whole_mix
from tests.contract.pipeline import Body, Ran, http, ran
from tests.fakes.memory_store import MemoryStore

NOW = datetime(2026, 4, 19, 20, 14, tzinfo=UTC)
ENDED = datetime(2026, 4, 19, 19, 30, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
Row = dict[str, Any]


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"


def national(start: datetime, forecast: Any, actual: Any = None, index: str = "moderate") -> Row:
    intensity = {"forecast": forecast, "actual": actual, "index": index}
    return {"from": stamp(start), "to": stamp(start + HALF_HOUR), "intensity": intensity}


def ahead(now: datetime, forecast: Any = 180) -> list[Row]:
    """The nation's forecast list, which begins with the half hour that has ended."""
    began = now.replace(minute=now.minute // 30 * 30) - HALF_HOUR
    return [national(began + n * HALF_HOUR, forecast) for n in range(49)]


def regional(now: datetime) -> list[Row]:
    began = now.replace(minute=now.minute // 30 * 30) - HALF_HOUR
    return [
        {
            "from": stamp(began + n * HALF_HOUR),
            "to": stamp(began + n * HALF_HOUR + HALF_HOUR),
            "regions": [
                {
                    "regionid": region,
                    "intensity": {"forecast": 100 + region, "index": "moderate"},
                    "generationmix": mix_of(100 + region),
                }
                for region in range(1, 19)
            ],
        }
        for n in range(49)
    ]


def run(
    newest: Body | list[Row] | None = None,
    listed: list[Row] | None = None,
    regions: list[Row] | None = None,
    now: datetime = NOW,
    store: MemoryStore | None = None,
    *,
    generation: bool = True,
) -> Ran:
    if newest is None:
        newest = [national(ENDED, 180, 172)]
    answers: dict[str, Body] = {
        "/regional/*": {"data": regions or regional(now)},
        "/intensity/*": {"data": listed or ahead(now)},
        "/intensity": {"data": newest} if isinstance(newest, list) else newest,
        "/generation/*": {"data": mixes_of(newest) if isinstance(newest, list) else []},
    }
    if not generation:
        del answers["/generation/*"]
    return ran(Eso(http("eso", answers)), store or MemoryStore(), now)


def mixes_of(newest: Iterable[Row]) -> list[Row]:
    """Return the nation's mixes, which the actual figures follow from where one can be read."""
    return [
        {"from": row["from"], "to": row["to"], "generationmix": mix_of(actual)}
        for row in newest
        if isinstance(actual := (row["intensity"] or {}).get("actual"), int) and actual >= 0
    ]


def published(batch: Ran, zone: str) -> float | None:
    """Return NESO's own figure of the zone's newest reading."""
    reading = batch.readings.get((zone, "direct"))
    return None if reading is None else reading.as_published_gco2_kwh


def forecast_of(zone: str, store: MemoryStore) -> Forecast:
    [forecast] = [one for one in store.forecasts(zone) if one.basis is Basis.DIRECT]
    return forecast


def after_a_good_run(store: MemoryStore) -> None:
    """Store the half hour before: 168 g/kWh for the nation."""
    before = NOW - HALF_HOUR
    good = run([national(ENDED - HALF_HOUR, 175, 168)], now=before, store=store)
    assert good.refused == ()


@pytest.mark.parametrize("name", ["N01_national_twice_ab", "N01_national_twice_ba"])
def test_one_half_hour_with_two_figures_is_a_contradiction(cases: Path, name: str) -> None:
    store = MemoryStore()
    after_a_good_run(store)

    batch = run((cases / f"eso/{name}.json").read_bytes(), store=store)

    assert batch.reasons("GBR") == {"contradiction"}
    assert published(batch, "GBR") == 168
    assert published(batch, "GBR-13") == 113


def test_the_falsely_low_actual_is_refused(cases: Path) -> None:
    now = datetime(2026, 1, 24, 11, 45, tzinfo=UTC)
    body = (cases / "eso/national_falsely_low.json").read_bytes()

    batch = run(body, ahead(now, 243), now=now)

    assert batch.reasons("GBR") == {"falsely_low"}
    assert batch.gco2_kwh("GBR") is None


def test_a_figure_is_judged_by_itself_where_its_mix_cannot_be_had(cases: Path) -> None:
    """NESO answers /generation with 404 here, as any answer may fail while the others stand."""
    now = datetime(2026, 1, 24, 11, 45, tzinfo=UTC)
    falsely_low = (cases / "eso/national_falsely_low.json").read_bytes()
    twice = (cases / "eso/N01_national_twice_ab.json").read_bytes()

    of_low = run(falsely_low, ahead(now, 243), now=now, generation=False)
    of_twice = run(twice, generation=False)
    of_good = run([national(ENDED, 180, 172)], generation=False)

    assert of_low.reasons("GBR") == {"falsely_low"}
    assert of_twice.reasons("GBR") == {"contradiction"}
    assert "missing_fuel" not in of_good.reasons("GBR")
    assert of_good.gco2_kwh("GBR") is None


@pytest.mark.parametrize("seed", range(6))
def test_no_order_hides_a_contradiction(seed: int) -> None:
    rows = [national(ENDED, 180, 172), national(ENDED, 180, 171), national(ENDED, 180, 172)]
    random.Random(seed).shuffle(rows)

    batch = run(rows)

    assert batch.reasons("GBR") == {"contradiction"}
    assert batch.gco2_kwh("GBR") is None


def test_a_half_hour_that_comes_twice_with_the_same_figures_is_one() -> None:
    rows = [national(ENDED, 180, 172), national(ENDED, 180, 172)]

    assert published(run(rows), "GBR") == 172


@pytest.mark.parametrize("first", [172, None])
def test_a_figure_that_one_of_two_rows_lacks_is_no_contradiction(first: int | None) -> None:
    rows = [national(ENDED, 180, first), national(ENDED, 180, None if first else 172)]

    batch = run(rows)

    assert batch.refused == ()
    assert published(batch, "GBR") == 172


@pytest.mark.parametrize("listed", [national(ENDED, 180, 96), national(ENDED, 101)])
def test_the_forecast_list_may_not_contradict_the_figure(listed: Row) -> None:
    batch = run(listed=[listed, *ahead(NOW)[1:]])

    assert batch.reasons("GBR") == {"contradiction"}
    assert batch.gco2_kwh("GBR") is None


@pytest.mark.parametrize("revised", [170, 180, 195])
def test_a_forecast_may_be_revised_between_two_answers(revised: int) -> None:
    batch = run(listed=[national(ENDED, revised), *ahead(NOW)[1:]])

    assert published(batch, "GBR") == 172


def test_a_contradicted_half_hour_leaves_the_one_before_it() -> None:
    rows = [
        national(ENDED - HALF_HOUR, 175, 168),
        national(ENDED, 180, 172),
        national(ENDED, 101, 96),
    ]

    batch = run(rows)

    assert batch.reasons("GBR") == {"contradiction"}
    assert published(batch, "GBR") == 168


@pytest.mark.parametrize("actual", [1, 60, 85])
@pytest.mark.parametrize("beside", [True, False])
def test_an_actual_below_a_third_of_its_forecast_is_refused_wherever_that_is_listed(
    actual: int, *, beside: bool
) -> None:
    """The index goes with the actual figure, so a small false figure has a small index."""
    newest = [national(ENDED, 243 if beside else None, actual, "very low")]

    batch = run(newest, ahead(NOW, 243))

    assert batch.reasons("GBR") == {"falsely_low"}
    assert batch.gco2_kwh("GBR") is None


@pytest.mark.parametrize(("actual", "forecast"), [(86, 243), (20, 40), (2, 5), (130, 50)])
def test_an_actual_that_a_forecast_may_have_missed_is_kept(actual: int, forecast: int) -> None:
    newest = [national(ENDED, forecast, actual, "very low")]

    assert published(run(newest, ahead(NOW, forecast)), "GBR") == actual


def test_a_digit_too_many_is_refused_in_a_region_and_in_the_nation() -> None:
    regions = regional(NOW)
    for row in regions:
        row["regions"][12]["intensity"] = {"forecast": 1130, "index": "very high"}

    batch = run([national(ENDED, 180, 1720)], regions=regions)

    assert batch.reasons("GBR") == batch.reasons("GBR-13") == {"implausible_gco2"}
    assert batch.gco2_kwh("GBR") is batch.gco2_kwh("GBR-13") is None
    assert published(batch, "GBR-12") == 112


@pytest.mark.parametrize(("region", "stands"), [(1, True), (2, True), (3, False), (10, False)])
def test_a_region_is_at_zero_only_where_it_can_be(region: int, *, stands: bool) -> None:
    regions = regional(NOW)
    for row in regions:
        row["regions"][region - 1] |= {
            "intensity": {"forecast": 0, "index": "very low"},
            "generationmix": whole_mix(wind=100),
        }

    batch = run(regions=regions)

    assert batch.gco2_kwh(f"GBR-{region}") == (0 if stands else None)
    assert batch.reasons(f"GBR-{region}") == (set() if stands else {"false_zero"})


def twice(rows: list[Row], place: int, region: int) -> list[Row]:
    """Return the rows with one region's half hour a second time, at another figure."""
    other = json.loads(json.dumps(rows[place]))
    other["regions"] = [other["regions"][region - 1]]
    other["regions"][0]["intensity"]["forecast"] = 60
    return [*rows, other]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_region_with_two_figures_for_the_present_is_refused_alone(*, backwards: bool) -> None:
    store = MemoryStore()
    rows = twice(regional(NOW), 1, 13)

    batch = run(regions=rows[::-1] if backwards else rows, store=store)

    assert batch.reasons("GBR-13") == {"contradiction"}
    assert batch.gco2_kwh("GBR-13") is None
    assert published(batch, "GBR-12") == 112
    assert len(forecast_of("GBR-13", store).points) == 47


def test_a_region_with_two_figures_for_a_later_half_hour_has_a_hole_there() -> None:
    store = MemoryStore()

    batch = run(regions=twice(regional(NOW), 20, 13), store=store)

    assert published(batch, "GBR-13") == 113
    assert batch.reasons("GBR-13") == {"contradiction"}
    points = forecast_of("GBR-13", store).points
    gaps = [a.valid_to for a, b in pairwise(points) if a.valid_to != b.valid_from]
    assert (len(points), gaps) == (47, [ENDED + 20 * HALF_HOUR])


BAD = [
    ("soon", "not_a_number"),
    (-3, "negative"),
    (90_000, "too_high"),
    (1800, "implausible_gco2"),
    (0.18, "wrong_unit"),
    (0, "false_zero"),
]


@pytest.mark.parametrize(("figure", "reason"), BAD)
@pytest.mark.parametrize("count", [1, 5])
def test_a_bad_point_of_the_nations_forecast_is_a_hole(
    figure: object, reason: str, count: int
) -> None:
    store = MemoryStore()
    listed = ahead(NOW)
    for row in listed[7 : 7 + count]:
        row["intensity"]["forecast"] = figure

    batch = run(listed=listed, store=store)

    assert batch.reasons("GBR") == {reason}
    assert batch.status.rejected[reason] == 1
    assert published(batch, "GBR") == 172
    forecast = forecast_of("GBR", store)
    assert len(forecast.points) == 48 - count
    assert {round(point.gco2_kwh) for point in forecast.points} == {118}


@pytest.mark.parametrize(("figure", "reason"), BAD)
def test_a_bad_point_of_a_regions_forecast_is_a_hole(figure: object, reason: str) -> None:
    store = MemoryStore()
    regions = regional(NOW)
    regions[30]["regions"][12]["intensity"]["forecast"] = figure

    batch = run(regions=regions, store=store)

    assert batch.reasons("GBR-13") == {reason}
    assert published(batch, "GBR-13") == 113
    assert len(forecast_of("GBR-13", store).points) == 47
    assert len(forecast_of("GBR-12", store).points) == 48


@pytest.mark.parametrize(
    ("figure", "reason"), [(60, "falsely_low"), (89, "falsely_low"), (361, "falsely_high")]
)
def test_a_forecast_point_that_both_its_neighbours_contradict_is_a_hole(
    figure: int, reason: str
) -> None:
    store = MemoryStore()
    listed = ahead(NOW)
    listed[9]["intensity"] |= {"forecast": figure, "index": "very low"}

    batch = run(listed=listed, store=store)

    assert batch.reasons("GBR") == {reason}
    assert published(batch, "GBR") == 172
    points = forecast_of("GBR", store).points
    assert ENDED + 9 * HALF_HOUR not in {point.valid_from for point in points}
    assert [round(point.gco2_kwh) for point in points] == [118] * 47


@pytest.mark.parametrize(
    "course",
    [(180, 90, 180), (180, 360, 180), (180, 80, 60), (60, 80, 180), (39, 10, 39), (15, 40, 15)],
)
def test_a_forecast_that_can_be_true_is_kept(course: tuple[int, int, int]) -> None:
    store = MemoryStore()
    listed = ahead(NOW, course[0])
    for place, row in enumerate(listed):
        forecast = course[0] if place < 9 else course[2]
        row["intensity"] |= {"forecast": forecast, "index": "very low"}
    listed[9]["intensity"]["forecast"] = course[1]
    newest = [national(ENDED, course[0], course[0], "very low")]

    batch = run(newest, listed=listed, store=store)

    assert batch.refused == ()
    assert len(forecast_of("GBR", store).points) == 48


class TestRegionalMix:
    """A region's figure is the sum of the shares beside it times NESO's own factors."""

    @staticmethod
    def changed(
        region: int, mix: list[Row] | None, forecast: int, rows: slice, index: str = "moderate"
    ) -> list[Row]:
        regions = regional(NOW)
        for row in regions[rows]:
            row["regions"][region - 1] |= {
                "intensity": {"forecast": forecast, "index": index},
                "generationmix": mix or row["regions"][region - 1]["generationmix"],
            }
        return regions

    @pytest.mark.parametrize("forecast", [70, 111, 115, 226])
    def test_a_figure_that_its_shares_contradict_is_refused(self, forecast: int) -> None:
        """The shares of this region come to 113 g/kWh."""
        store = MemoryStore()

        batch = run(regions=self.changed(13, None, forecast, slice(None)), store=store)

        assert batch.reasons("GBR-13") == {"mix_identity"}
        assert batch.gco2_kwh("GBR-13") is None
        assert published(batch, "GBR-12") == 112

    def test_one_contradicted_point_is_a_hole(self) -> None:
        store = MemoryStore()

        batch = run(regions=self.changed(13, None, 70, slice(20, 21)), store=store)

        assert batch.reasons("GBR-13") == {"mix_identity"}
        assert published(batch, "GBR-13") == 113
        assert len(forecast_of("GBR-13", store).points) == 47

    @pytest.mark.parametrize(
        ("forecast", "stands"), [(77, False), (78, True), (147, True), (149, False)]
    )
    def test_imports_may_have_the_factor_of_any_link(self, forecast: int, *, stands: bool) -> None:
        """By 20 % of gas at 394 g/kWh and 14 % of imports at 0 to 480."""
        mix = whole_mix(gas=20, imports=14, wind=66)

        batch = run(regions=self.changed(13, mix, forecast, slice(None)))

        assert published(batch, "GBR-13") == (forecast if stands else None)

    def test_a_true_fall_that_the_shares_confirm_is_kept(self) -> None:
        mix = mix_of(40)

        batch = run(regions=self.changed(13, mix, 40, slice(1, 2)))

        assert batch.refused == ()
        assert published(batch, "GBR-13") == 40

    def test_shares_without_a_fuel_are_refused(self) -> None:
        """Gas is absent without a word, and the figure was made without it."""
        mix: list[Row] = [{"fuel": "wind", "perc": 60}, {"fuel": "biomass", "perc": 10}]

        batch = run(regions=self.changed(13, mix, 12, slice(None), "low"))

        assert batch.reasons("GBR-13") == {"missing_fuel"}
        assert batch.gco2_kwh("GBR-13") is None

    def test_other_factors_of_neso_are_reported_and_refuse_nothing(self) -> None:
        """With another factor for gas, each region breaks the identity alike."""
        regions = regional(NOW)
        for row in regions:
            for region in row["regions"]:
                region["intensity"]["forecast"] += 9

        batch = run(regions=regions)

        assert batch.refused == ((None, "mix_identity"),)
        assert published(batch, "GBR-13") == 122
        assert published(batch, "GBR-1") == 110


@pytest.mark.parametrize("broken", [{"intensity": None}, {"from": "soon"}, {"to": "2026-01-01"}])
def test_an_unreadable_half_hour_of_the_nation_is_a_hole(broken: Row) -> None:
    store = MemoryStore()
    listed = ahead(NOW)
    listed[9] |= broken

    batch = run(listed=listed, store=store)

    assert batch.reasons("GBR") == {"malformed"}
    assert published(batch, "GBR") == 172
    assert len(forecast_of("GBR", store).points) == 47


def test_a_list_in_another_unit_is_refused_with_its_zeros() -> None:
    """Nothing is nothing in any unit, but the list's other figures tell its unit."""
    store = MemoryStore()
    regions = regional(NOW)
    for place, row in enumerate(regions):
        in_kg = 0 if place < 30 else 0.002
        row["regions"][0] |= {
            "intensity": {"forecast": in_kg, "index": "very low"},
            "generationmix": whole_mix(wind=100),
        }

    batch = run(regions=regions, store=store)

    assert batch.reasons("GBR-1") == {"wrong_unit"}
    assert batch.gco2_kwh("GBR-1") is None
    assert store.forecasts("GBR-1") == ()
    assert published(batch, "GBR-2") == 102


def test_a_forecast_without_a_good_point_is_refused_as_a_whole() -> None:
    store = MemoryStore()

    batch = run(listed=ahead(NOW, -3), store=store)

    assert batch.status.rejected["negative"] == 1
    assert store.forecasts("GBR") == ()


class TestCorrections:
    """NESO corrects an actual figure after a newer half hour has been published."""

    FIRST = (national(ENDED - HALF_HOUR, 175, 168),)
    CORRECTED = (national(ENDED - HALF_HOUR, 175, 181), national(ENDED, 180, 172))

    @staticmethod
    def run(store: MemoryStore, stored: StoredSlots, rows: Iterable[Row], now: datetime) -> Ran:
        rows = list(rows)
        answers: dict[str, Body] = {
            "/regional/*": {"data": regional(now)},
            "/intensity/*": {"data": ahead(now)},
            "/intensity": {"data": rows},
            "/generation/*": {"data": mixes_of(rows)},
        }
        nation = tuple(pair for pair in zones_of("eso") if pair[0].zone == "GBR")
        return ran(Eso(http("eso", answers), wanted=nation, stored=stored), store, now)

    @staticmethod
    def history(store: MemoryStore) -> list[float]:
        ever = {"since": NOW - timedelta(days=1), "until": NOW}
        kind = Kind(Signal.AVERAGE, Basis.DIRECT)
        stored = store.history("GBR", "eso", kind, **ever)
        return [reading.as_published_gco2_kwh or 0 for reading in stored]

    @pytest.mark.parametrize("cold", [False, True])
    def test_a_corrected_actual_corrects_the_history(self, *, cold: bool) -> None:
        store = MemoryStore()
        stored = StoredSlots("eso", REVISABLE, store.history)
        self.run(store, stored, self.FIRST, NOW - HALF_HOUR)
        if cold:
            stored = StoredSlots("eso", REVISABLE, store.history)

        batch = self.run(store, stored, self.CORRECTED, NOW)

        assert self.history(store) == [181, 172]
        assert published(batch, "GBR") == 172

    def test_an_actual_that_did_not_change_is_not_written_again(self) -> None:
        store = MemoryStore()
        stored = StoredSlots("eso", REVISABLE, store.history)
        self.run(store, stored, self.FIRST, NOW - HALF_HOUR)

        batch = self.run(store, stored, (*self.FIRST, *self.CORRECTED[1:]), NOW)

        lines = [line for line in batch.heard.lines if line["message"] == "reading"]
        assert [round(float(str(line["gco2_kwh"]))) for line in lines] == [172, 231]

    def test_a_false_correction_is_refused_and_the_stored_figure_stays(self) -> None:
        store = MemoryStore()
        stored = StoredSlots("eso", REVISABLE, store.history)
        self.run(store, stored, self.FIRST, NOW - HALF_HOUR)
        rows = (national(ENDED - HALF_HOUR, 175, 0), national(ENDED, 180, 172))

        batch = self.run(store, stored, rows, NOW)

        assert batch.reasons("GBR") == {"false_zero"}
        assert self.history(store) == [168, 172]
