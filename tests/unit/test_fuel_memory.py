"""The memory of a source's past reports is bounded, and tells lost fuels from idle ones."""

from datetime import UTC, datetime, timedelta

import pytest

from greenstream.domain.fuel_memory import LIFE, FuelMemory
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import SourceRules, rules_of_provider

MIDNIGHT = datetime(2026, 5, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def mix(hours: float, **mw: float) -> Mix:
    start = MIDNIGHT + hours * HOUR
    return Mix(start, start + HOUR, mw)


@pytest.fixture
def memory() -> FuelMemory:
    return FuelMemory(rules_of_provider("entsoe"), SourceRules(usual=frozenset({"B01"})))


def test_wind_weighs_its_last_report(memory: FuelMemory) -> None:
    memory.learn([mix(0, B19=900.0), mix(1, B19=700.0)])

    assert memory.absent_mw(mix(49), lambda _: 0.0) == {"B19": 700.0}
    assert memory.absent_mw(mix(49, B19=0.0), lambda _: 0.0) == {}


def test_the_sun_weighs_its_greatest_power_of_a_day_by_the_height_of_the_sun(
    memory: FuelMemory,
) -> None:
    memory.learn([mix(9, B16=500.0), mix(12, B16=900.0), mix(15, B16=400.0), mix(22, B16=0.0)])

    assert memory.absent_mw(mix(60), lambda _: 1.0) == {"B16": 900.0}
    assert memory.absent_mw(mix(60), lambda _: 0.1) == {"B16": 90.0}
    assert memory.absent_mw(mix(50), lambda _: 0.0) == {"B16": 0.0}


def test_a_darker_day_takes_the_place_of_a_brighter_one(memory: FuelMemory) -> None:
    memory.learn([mix(12, B16=900.0), mix(35, B16=200.0), mix(36, B16=300.0)])

    assert memory.absent_mw(mix(60), lambda _: 1.0) == {"B16": 300.0}


def test_reading_a_window_again_changes_nothing(memory: FuelMemory) -> None:
    window = [mix(hour, B16=40.0 * hour, B19=900.0 - hour) for hour in range(24)]
    memory.learn(window)
    before = memory.carried_by(mix(60))
    memory.learn(window)

    assert memory.carried_by(mix(60)) == before


def test_usual_fuels_are_missed_and_others_may_stand_still(memory: FuelMemory) -> None:
    memory.learn([mix(0, B01=300.0, B06=200.0, B10=500.0)])

    assert memory.absent_mw(mix(40), lambda _: 1.0) == {"B01": 300.0}


def test_a_fuel_that_ended_at_zero_is_not_missed(memory: FuelMemory) -> None:
    memory.learn([mix(0, B01=300.0), mix(1, B01=0.0)])

    assert memory.absent_mw(mix(40), lambda _: 1.0) == {}


def test_a_fuel_is_forgotten_after_its_life(memory: FuelMemory) -> None:
    memory.learn([mix(0, B19=900.0)])
    life = LIFE / HOUR

    assert memory.absent_mw(mix(life), lambda _: 1.0) == {"B19": 900.0}
    assert memory.absent_mw(mix(life + 1), lambda _: 1.0) == {}


def test_a_report_weighs_on_what_comes_before_it_and_is_not_carried_on_there(
    memory: FuelMemory,
) -> None:
    memory.learn([mix(5, B19=900.0)])

    for hour in (4, 5):  # a feed that loses a fuel loses it in the past that it repeats too
        assert memory.absent_mw(mix(hour), lambda _: 1.0) == {"B19": 900.0}
        assert memory.carried_by(mix(hour)) == {}


def test_what_is_carried_on_is_what_another_process_learns(memory: FuelMemory) -> None:
    memory.learn([mix(0, B19=900.0, B01=300.0)])
    other = FuelMemory(rules_of_provider("entsoe"), SourceRules())
    other.learn_carried(memory.carried_by(mix(1)))

    assert other.absent_mw(mix(40), lambda _: 1.0) == {"B19": 900.0}
