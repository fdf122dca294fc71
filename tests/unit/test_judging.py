"""A mix is accepted or refused by the rules of its source and by the source's past mixes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from greenstream.domain.judging import Judged, judge
from greenstream.domain.mix import Mix, Refusal
from greenstream.domain.plausibility import (
    GreatestMw,
    Middle,
    ProviderRules,
    SourceRules,
    rules_of_provider,
)

MIDNIGHT = datetime(2026, 6, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROVIDER = replace(
    rules_of_provider("entsoe"),
    storage=frozenset({"battery"}),
    reversible=frozenset({"battery"}),
    solar=frozenset({"sun"}),
    wind=frozenset({"wind"}),
)
RULES = SourceRules(middle=Middle(52.0, 0.0))
MORNING_MW = (0, 0, 0, 0, 0, 200, 600, 1200, 1800, 2300, 2700, 2900)
SUN_MW = (*MORNING_MW, 3000, *reversed(MORNING_MW[1:]))


def at(hour: float) -> datetime:
    return MIDNIGHT + hour * HOUR


def hours(mixes: Iterable[Mapping[str, float]], start: float = 0) -> list[Mix]:
    return [Mix(at(start + h), at(start + h + 1), dict(mw)) for h, mw in enumerate(mixes)]


def day(hour: int) -> dict[str, float]:
    """Return an hour's mix, in which gas falls as the sun rises and every fuel changes."""
    sun = float(SUN_MW[hour % 24])
    return {"gas": 5000 - sun / 2 + hour % 3, "wind": 800.0 + 7 * (hour % 5), "sun": sun}


def days(count: int) -> list[dict[str, float]]:
    return [day(hour) for hour in range(count)]


def reasons(
    mixes: list[Mix],
    rules: SourceRules = RULES,
    *,
    provider: ProviderRules = PROVIDER,
    before: list[Mix] | None = None,
) -> list[str | None]:
    judged = judge(mixes, provider, rules, before=before or [])
    assert [verdict.mix for verdict in judged] == mixes
    return [verdict.refusal.reason if verdict.refusal else None for verdict in judged]


def refused(verdicts: list[str | None]) -> dict[int, str]:
    return {hour: reason for hour, reason in enumerate(verdicts) if reason}


def test_days_that_follow_their_usual_course_are_believed() -> None:
    assert refused(reasons(hours(days(72)))) == {}


class TestByItsRules:
    @pytest.mark.parametrize(
        ("rules", "mw", "reason"),
        [
            (SourceRules(), {"gas": 0.0}, "no_generation"),
            (SourceRules(), {}, "no_generation"),
            (SourceRules(needed=frozenset({"gas"})), {"wind": 5.0}, "missing_fuel"),
            (SourceRules(needed=frozenset({"gas"})), {"wind": 5.0, "gas": 0.0}, None),
            (
                SourceRules(needed_any=(frozenset({"gas", "coal"}),)),
                {"wind": 5.0},
                "missing_fuel",
            ),
            (
                SourceRules(needed_any=(frozenset({"gas", "coal"}),)),
                {"wind": 5.0, "coal": 0.0},
                None,
            ),
            (SourceRules(never_zero=frozenset({"gas"})), {"wind": 5.0, "gas": 0.0}, "false_zero"),
            (SourceRules(never_zero=frozenset({"gas"})), {"wind": 5.0, "gas": 0.1}, None),
            (SourceRules(never_zero=frozenset({"gas"})), {"wind": 5.0}, None),
            (
                SourceRules(never_zero_any=(frozenset({"gas", "coal"}),)),
                {"wind": 5.0, "gas": 0.0, "coal": 0.0},
                "false_zero",
            ),
            (
                SourceRules(never_zero_any=(frozenset({"gas", "coal"}),)),
                {"wind": 5.0, "gas": 0.0, "coal": 1.0},
                None,
            ),
            (SourceRules(least_total_mw=100), {"gas": 99.0}, "implausible_total"),
            (SourceRules(least_total_mw=100), {"gas": 100.0}, None),
            (SourceRules(greatest_total_mw=100), {"gas": 101.0}, "implausible_total"),
            (
                SourceRules(greatest_mw=(GreatestMw(frozenset({"coal", "peat"}), 50),)),
                {"gas": 500.0, "coal": 30.0, "peat": 21.0},
                "implausible_mw",
            ),
            (
                SourceRules(greatest_mw=(GreatestMw(frozenset({"coal", "peat"}), 50),)),
                {"gas": 500.0, "coal": 50.0},
                None,
            ),
            (SourceRules(usual=frozenset({"coal"})), {"gas": 5.0}, None),
        ],
    )
    def test_a_mix_is_refused_by_name(
        self, rules: SourceRules, mw: dict[str, float], reason: str | None
    ) -> None:
        assert reasons(hours([mw]), rules) == [reason]

    @pytest.mark.parametrize(
        ("hour", "mw", "reason"),
        [
            (12, {}, "missing_fuel"),
            (12, {"sun": 0.0}, "false_zero"),
            (12, {"sun": 0.1}, None),
            (5, {}, None),
            (19, {"sun": 0.0}, None),
            (23, {}, None),
        ],
    )
    def test_a_fuel_needed_by_day_is_needed_while_the_sun_is_well_up(
        self, hour: int, mw: dict[str, float], reason: str | None
    ) -> None:
        rules = replace(RULES, needed_by_day=frozenset({"sun"}))

        assert reasons(hours([{"gas": 5.0, **mw}], start=hour), rules) == [reason]

    def test_a_figure_that_the_parser_refused_keeps_its_own_name(self) -> None:
        twice = Refusal("contradiction", "gas has 1 and 2 MW")

        [verdict] = judge([Mix(at(0), at(1), {"wind": 5.0}, refusal=twice)], PROVIDER, RULES)

        assert verdict.refusal == twice


class TestBelowZero:
    def test_what_a_station_draws_is_no_generation_and_refuses_nothing(self) -> None:
        assert reasons(hours([{"gas": 5000.0, "coal": -99.0}])) == [None]
        assert reasons(hours([{"gas": 5000.0, "coal": -101.0}])) == ["negative"]

    def test_a_plant_that_ran_in_the_window_may_draw_a_tenth_of_what_it_made(self) -> None:
        mixes = hours([{"shale": 260.0, "wind": 430.0}, {"shale": -12.0, "wind": 430.0}])
        assert reasons(mixes) == [None, None]

        mixes[-1] = mixes[-1]._replace(generation_mw={"shale": -27.0, "wind": 430.0})
        assert reasons(mixes) == [None, "negative"]

    def test_a_plant_that_stood_still_all_the_time_is_known_by_the_rules(self) -> None:
        idle = hours([{"gas": -160.0, "nuclear": 2900.0, "wind": 4500.0}] * 3)
        assert refused(reasons(idle)) == dict.fromkeys(range(3), "negative")

        rules = SourceRules(greatest_mw=(GreatestMw(frozenset({"gas"}), 12_000),))
        assert refused(reasons(idle, rules)) == {}

    def test_a_wrong_sign_of_sun_or_wind_is_no_station(self) -> None:
        rules = SourceRules(greatest_mw=(GreatestMw(frozenset({"sun"}), 44_000),))
        mixes = hours([{"gas": 4000.0, "sun": 2000.0}, {"gas": 4000.0, "sun": -190.0}])

        assert reasons(mixes, rules) == [None, "negative"]

    def test_sun_may_draw_what_its_own_plants_need_at_night(self) -> None:
        mixes = hours([{"gas": 90.0, "sun": 500.0}, {"gas": 90.0, "sun": -9.0}])
        assert reasons(mixes) == [None, None]

    def test_storage_may_charge(self) -> None:
        assert reasons(hours([{"gas": 4000.0, "battery": -3000.0}])) == [None]


class TestByItsOwnPast:
    def test_a_fuel_that_is_lost_weighs_its_last_value(self) -> None:
        mixes = hours([day(10), {"gas": 3600.0, "sun": 2700.0}])
        assert reasons(mixes) == [None, "missing_fuel"]

    def test_a_fuel_whose_reports_begin_later_was_missing_before(self) -> None:
        mixes = hours([{"gas": 3600.0}, {"gas": 3600.0, "nuclear": 900.0}])
        assert reasons(mixes) == ["missing_fuel", None]

    def test_a_small_fuel_may_be_absent(self) -> None:
        mixes = hours([{"gas": 4900.0, "oil": 98.0}, {"gas": 4900.0}, {"gas": 4800.0}])
        assert reasons(mixes) == [None, None, "missing_fuel"]

    def test_the_sun_that_is_lost_by_night_is_missed_in_the_morning(self) -> None:
        """At night the sun counts as 0 MW, by its last value and by its value a day earlier."""
        mixes = hours(
            [*days(24), *({k: v for k, v in day(h).items() if k != "sun"} for h in range(24))]
        )

        assert refused(reasons(mixes)) == dict.fromkeys(range(24 + 5, 24 + 20), "missing_fuel")

    def test_the_sun_that_is_lost_for_two_days_is_missed_on_the_second_too(self) -> None:
        dark = [{k: v for k, v in day(h).items() if k != "sun"} for h in range(48)]

        verdicts = refused(reasons(hours([*days(24), *dark])))

        assert verdicts.keys() >= {24 + 12, 48 + 12}

    def test_storage_that_is_absent_is_idle(self) -> None:
        mixes = hours([{"gas": 3600.0, "battery": 900.0}, {"gas": 3600.0}])
        assert reasons(mixes) == [None, None]

    def test_no_consumption_excuses_another_fuel(self) -> None:
        [first, second] = hours([day(10), {"gas": 3600.0, "sun": 2700.0}])
        second = second._replace(consumption_mw={"wind": 3.0})

        assert reasons([first, second]) == [None, "missing_fuel"]

    @pytest.mark.parametrize(("yesterday_mw", "reason"), [(101.0, "false_zero"), (99.0, None)])
    def test_wind_at_zero_is_unreported_where_yesterday_had_over_100_mw(
        self, yesterday_mw: float, reason: str | None
    ) -> None:
        mixes = hours({"gas": 4000.0 + hour, "wind": yesterday_mw} for hour in range(24))
        mixes += hours([{"gas": 4000.0, "wind": 0.0}], start=24)

        assert reasons(mixes)[-1] == reason

    @pytest.mark.parametrize(
        ("coal_mw", "reason"), [(7.0, "false_zero"), (139.0, "false_zero"), (141.0, None)]
    )
    def test_a_fuel_that_never_stops_and_is_in_another_unit_is_a_false_zero(
        self, coal_mw: float, reason: str | None
    ) -> None:
        source = SourceRules(never_zero=frozenset({"coal"}))
        usual = {"coal": 7000.0, "wind": 6000.0}
        mixes = hours([usual] * 3 + [{"coal": coal_mw, "wind": 5900.0}] * 2)

        assert reasons(mixes, source)[3:] == [reason, reason]

    def test_a_feed_without_this_rule_may_fall_to_next_to_nothing(self) -> None:
        source = SourceRules(never_zero=frozenset({"coal"}))
        mixes = hours([{"coal": 7000.0, "wind": 6000.0}] * 3 + [{"coal": 7.0, "wind": 5900.0}])

        assert reasons(mixes, source, provider=replace(PROVIDER, nearly_zero_share=0.0))[3] is None

    def test_a_false_zero_that_weighs_little_refuses_nothing(self) -> None:
        mixes = hours({"gas": 9000.0 + hour, "wind": 150.0} for hour in range(24))
        mixes += hours([{"gas": 9000.0, "wind": 0.0}], start=24)

        assert reasons(mixes)[-1] is None

    def test_the_sun_at_zero_at_noon_is_unreported_and_at_night_it_is_not(self) -> None:
        mixes = hours([*days(24), *(day(hour) | {"sun": 0.0} for hour in range(24))])

        assert refused(reasons(mixes)) == dict.fromkeys(range(24 + 5, 24 + 20), "false_zero")

    def test_sun_at_night_is_refused_where_yesterday_had_none(self) -> None:
        mixes = hours([*days(24), day(24) | {"sun": 2000.0}])
        assert refused(reasons(mixes)) == {24: "sun_at_night"}

    def test_sun_that_is_stored_by_heat_shines_every_night(self) -> None:
        mixes = hours(day(hour) | {"sun": max(600.0, SUN_MW[hour % 24])} for hour in range(48))
        assert refused(reasons(mixes)) == {}

    def test_sun_that_shines_at_night_on_every_day_is_refused_where_it_is_too_much(self) -> None:
        """The hours of the fuel are shifted by half a day, so that yesterday had them too."""
        shifted = hours(day(hour) | {"sun": SUN_MW[(hour + 12) % 24]} for hour in range(48))

        assert refused(reasons(shifted)).get(24) == "sun_at_night"

    def test_a_false_zero_of_yesterday_does_not_refuse_the_sun_of_today(self) -> None:
        mixes = hours([*days(12), day(12) | {"sun": 0.0}, *(day(hour) for hour in range(13, 48))])
        assert 36 not in refused(reasons(mixes))

    def test_a_total_below_half_of_the_least_of_a_day_is_a_part_of_the_zone(self) -> None:
        least_mw = min(mix.total_mw for mix in hours(days(24)))
        part = {"gas": least_mw * 0.4, "wind": 20.0, "sun": 60.0}
        rest = {"gas": least_mw * 0.6, "wind": 20.0, "sun": 60.0}

        assert reasons(hours([*days(24), part]))[-1] == "implausible_total"
        assert reasons(hours([*days(24), rest]))[-1] is None

    def test_a_past_that_is_shorter_than_a_day_says_nothing_of_the_least(self) -> None:
        part = {"gas": 1000.0, "wind": 20.0, "sun": 60.0}
        assert reasons(hours([*days(19), part]))[-1] is None

    def test_a_part_of_the_zone_does_not_lower_what_the_next_is_held_to(self) -> None:
        parts = [{"gas": 1500.0 - hour, "wind": 20.0, "sun": 60.0} for hour in range(4)]
        verdicts = reasons(hours([*days(24), *parts]))
        assert verdicts[-4:] == ["implausible_total"] * 4

    def test_a_zone_that_falls_by_and_by_is_believed(self) -> None:
        falling = [{"gas": 200.0, "wind": 3000.0 * 0.75**hour} for hour in range(12)]
        mixes = hours([*({"gas": 200.0 + h, "wind": 3000.0} for h in range(24)), *falling])

        assert refused(reasons(mixes)) == {}

    def test_a_spike_weighs_nothing_later(self) -> None:
        rules = SourceRules(greatest_mw=(GreatestMw(frozenset({"oil"}), 1000),))
        mixes = hours(
            [{"gas": 4000.0, "oil": 9.0}, {"gas": 4000.0, "oil": 9000.0}, {"gas": 4000.0}]
        )

        assert reasons(mixes, rules) == [None, "implausible_mw", None]

    def test_a_spike_of_a_fuel_that_is_reported_nowhere_else_weighs_nothing_before(self) -> None:
        rules = SourceRules(greatest_mw=(GreatestMw(frozenset({"oil"}), 1000),))
        mixes = hours([{"gas": 4000.0}, {"gas": 4000.0, "oil": 9000.0}, {"gas": 4000.0}])

        assert reasons(mixes, rules) == [None, "implausible_mw", None]

    def test_mixes_from_before_the_window_are_its_past(self) -> None:
        known = hours(days(24))
        [lost] = hours([{"gas": 3600.0, "wind": 814.0}], start=24 + 12)
        assert reasons([lost]) == [None]
        assert reasons([lost], before=known) == ["missing_fuel"]


class TestFrozen:
    def test_the_last_that_moved_is_the_newest_that_is_true(self) -> None:
        mixes = hours([*days(30), *[day(29)] * 4])
        assert refused(reasons(mixes)) == dict.fromkeys(range(30, 34), "frozen")

    def test_three_steps_may_be_alike(self) -> None:
        assert refused(reasons(hours([*days(30), *[day(29)] * 3]))) == {}

    def test_what_moves_again_is_believed_again(self) -> None:
        mixes = hours([*days(30), *[day(29)] * 4, *(day(hour) for hour in range(34, 40))])
        assert refused(reasons(mixes)) == dict.fromkeys(range(30, 34), "frozen")

    @pytest.mark.parametrize(("moving", "still", "count"), [(7, 20, 20), (6, 20, 0), (7, 19, 0)])
    def test_a_long_standstill_needs_few_hours_that_moved_before(
        self, moving: int, still: int, count: int
    ) -> None:
        """A window of a day and a half that has stood still for a day holds few hours before."""
        last = {"gas": 3000.0, "wind": 500.0}
        mixes = hours(
            [*({**last, "gas": last["gas"] - hour - 1} for hour in range(moving - 1)), last]
        )
        mixes += hours([last] * still, start=moving)

        assert list(refused(reasons(mixes)).values()) == ["frozen"] * count

    def test_a_source_that_seldom_moves_cannot_be_seen_to_stand_still(self) -> None:
        slow = [{"gas": 5000.0, "wind": 800.0 + hour // 2} for hour in range(30)]
        assert refused(reasons(hours([*slow, *[slow[-1]] * 6]))) == {}

    def test_sixteen_steps_must_be_known(self) -> None:
        assert refused(reasons(hours([*days(16), *[day(15)] * 4]))) == {}
        assert refused(reasons(hours([*days(17), *[day(16)] * 4]))) != {}

    def test_nuclear_and_hydro_may_stand_still(self) -> None:
        moving = [{"nuclear": 3000.0, "hydro": 500.0 + hour} for hour in range(30)]
        assert refused(reasons(hours([*moving, *[moving[-1]] * 8]))) == {}

    def test_its_words_say_since_when(self) -> None:
        newest: Judged = judge(hours([*days(30), *[day(29)] * 4]), PROVIDER, RULES)[-1]
        assert newest.refusal is not None
        assert newest.refusal.message == "no fuel has moved since 2026-06-11T06:00Z"
