"""What cannot have stopped is not believed at 0 MW, and what can is: see `false_zeros`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from greenstream.domain.judging import judge
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import Middle, SourceRules, rules_of_provider

MIDNIGHT = datetime(2026, 6, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROVIDER = replace(
    rules_of_provider("entsoe"),
    solar=frozenset({"sun"}),
    wind=frozenset({"wind", "wind at sea"}),
    reversible=frozenset({"imports"}),
)
RULES = SourceRules(middle=Middle(52.0, 0.0))
MORNING_MW = (0, 0, 0, 0, 0, 200, 600, 1200, 1800, 2300, 2700, 2900)
SUN_MW = (*MORNING_MW, 3000, *reversed(MORNING_MW[1:]))


def day(hour: int) -> dict[str, float]:
    """Return an hour's mix, in which gas falls as the sun rises and every fuel changes."""
    sun = float(SUN_MW[hour % 24])
    return {"gas": 5000 - sun / 2 + hour % 3, "wind": 800.0 + 7 * (hour % 5), "sun": sun}


def refused(mixes: Iterable[Mapping[str, float]], rules: SourceRules = RULES) -> dict[int, str]:
    """Return the reason for each hour that is refused."""
    hours = [Mix(MIDNIGHT + n * HOUR, MIDNIGHT + (n + 1) * HOUR, mw) for n, mw in enumerate(mixes)]
    judged = judge(hours, PROVIDER, rules)
    return {n: refusal.reason for n, (_, refusal) in enumerate(judged) if refusal}


def test_wind_that_stops_at_once_is_unreported_even_where_yesterday_was_calm() -> None:
    calm = [{"gas": 3000.0 + hour, "wind": 40.0} for hour in range(24)]
    windy = [{"gas": 2500.0 + hour, "wind": 460.0 + hour} for hour in range(3)]
    zero = [{"gas": 2900.0 + hour, "wind": 0.0} for hour in range(3)]

    assert refused([*calm, *windy, *zero]) == dict.fromkeys((27, 28, 29), "false_zero")


@pytest.mark.parametrize(("last_mw", "verdicts"), [(20.0, {}), (21.0, {28: "false_zero"})])
def test_wind_that_dies_down_to_zero_is_believed_although_yesterday_was_windy(
    last_mw: float, verdicts: dict[int, str]
) -> None:
    falling_mw = (*(263.0 + hour for hour in range(24)), 210.0, 130.0, 60.0, last_mw, 0.0)
    mixes = [{"gas": 3000.0 - mw, "wind": mw} for mw in falling_mw]

    assert refused(mixes) == verdicts


def test_a_night_without_wind_stays_believed() -> None:
    still = [{"gas": 3000.0 + hour, "wind": 0.0} for hour in range(6)]
    windy = [{"gas": 2700.0 + hour, "wind": 263.0 + hour} for hour in range(24)]

    assert refused([*windy, {"gas": 2980.0, "wind": 9.0}, *still]) == {}


def test_the_sun_that_is_absent_is_missed_by_day_alone() -> None:
    dark = [{"gas": day(hour)["gas"], "wind": day(hour)["wind"]} for hour in range(24)]
    mixes = [*map(day, range(16)), *dark[16:], *dark]

    assert refused(mixes) == dict.fromkeys((*range(16, 22), *range(26, 46)), "missing_fuel")


@pytest.mark.parametrize(("gas_mw", "reason"), [(1260.0, "false_zero"), (1240.0, None)])
def test_a_needed_fuel_of_many_blocks_does_not_stop_at_once(
    gas_mw: float, reason: str | None
) -> None:
    rules = SourceRules(needed=frozenset({"gas"}))
    runs = [{"gas": gas_mw, "water": 3000.0 + hour} for hour in range(3)]
    stands = [{"gas": 0.0, "water": 4000.0 + hour} for hour in range(3)]

    assert refused([*runs, *stands], rules) == (dict.fromkeys((3, 4, 5), reason) if reason else {})


def test_a_fuel_that_is_shut_down_by_and_by_is_believed_at_zero() -> None:
    rules = SourceRules(needed=frozenset({"gas"}))
    mixes = [{"gas": mw, "water": 4000.0 - mw} for mw in (2000.0, 900.0, 0.0, 0.0)]

    assert refused(mixes, rules) == {}


def test_sun_that_is_lost_in_the_morning_is_missed_until_the_next_evening() -> None:
    """The hours of the first afternoon have no yesterday to be compared with."""
    mixes = [*map(day, range(8)), *(day(hour) | {"sun": 0.0} for hour in range(8, 40))]
    lost = refused(mixes)

    assert lost.keys() >= {8, 12, 16, 30, 36}
    assert set(lost.values()) == {"false_zero"}


@pytest.mark.parametrize(("hour", "reason"), [(36, "false_zero"), (26, None)])
def test_the_little_sun_of_a_small_zone_is_missed_by_day(hour: int, reason: str | None) -> None:
    mixes = [{"gas": 300.0 + at, "sun": SUN_MW[at % 24] / 40} for at in range(hour)]

    assert refused([*mixes, {"gas": 380.0, "sun": 0.0}]).get(hour) == reason


def test_wind_at_sea_alone_may_be_curtailed_at_once() -> None:
    runs = [{"gas": 3000.0 + hour, "wind": 500.0, "wind at sea": 900.0} for hour in range(3)]
    stands = [{"gas": 3100.0 + hour, "wind": 480.0, "wind at sea": 0.0} for hour in range(3)]

    assert refused([*runs, *stands]) == {}


def test_imports_may_turn_to_exports_at_once() -> None:
    rules = SourceRules(needed=frozenset({"gas", "imports"}))
    imports_mw = (1900.0, 1800.0, 0.0, -400.0)
    mixes = [{"gas": 9000.0 - mw, "imports": mw} for mw in imports_mw]

    assert refused(mixes, rules) == {}
