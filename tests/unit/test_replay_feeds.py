"""These tests cover replayed sources that lack their readings, their past, or both."""

from pathlib import Path

import numpy as np

from greenstream_tuning.feeds import DelayedTrace, Profile
from greenstream_tuning.traces import Trace, load_traces

HOUR_S = 3600
DAY_H = 24
TRACE = Trace("Z", 0, HOUR_S, np.arange(DAY_H * 10, dtype=float))
INSTANTS = HOUR_S * np.arange(DAY_H * 8, DAY_H * 9) + HOUR_S // 2
NONE = float("nan")


def test_a_silent_source_leaves_the_profile_as_known_by_its_delay() -> None:
    """The source has no readings, but its means by hour are those that it would otherwise have."""
    told = DelayedTrace(TRACE, 3 * HOUR_S, HOUR_S, NONE).seen(INSTANTS)
    silent = DelayedTrace(TRACE.silent(), 3 * HOUR_S, HOUR_S, NONE, Profile(TRACE)).seen(INSTANTS)

    assert np.isnan(silent.gco2_kwh).all()
    assert np.isnan(silent.age_s).all()
    assert silent.hour_mean.tolist() == told.hour_mean.tolist()


def test_a_source_without_a_past_still_has_its_reading() -> None:
    seen = DelayedTrace(TRACE, 3 * HOUR_S, HOUR_S, NONE, Profile(TRACE.silent())).seen(INSTANTS)

    assert seen.gco2_kwh.tolist() == [float(hour - 3) for hour in INSTANTS // HOUR_S]
    assert np.isnan(seen.profile_now).all()
    assert np.isnan(seen.profile_then).all()
    assert np.isnan(seen.hour_mean).all()


def test_a_missing_source_has_no_reading_and_no_profile() -> None:
    seen = DelayedTrace(TRACE.silent(), 0, HOUR_S, NONE).seen(INSTANTS)

    assert np.isnan(seen.gco2_kwh).all()
    assert np.isnan(seen.hour_mean).all()


def test_only_the_zones_asked_for_are_read(tmp_path: Path) -> None:
    """A damaged file of another zone causes no error."""
    hours = "2022-01-01 00:00,1\n2022-01-01 01:00,2\n"
    (tmp_path / "A_2022.csv").write_text(f"datetime_utc,direct_gco2_kwh\n{hours}")
    (tmp_path / "B_2022.csv").write_text("damaged")

    assert set(load_traces(tmp_path, [2022], "direct", {"A"})) == {"A"}


def test_a_past_of_three_days_has_a_profile_of_three_days() -> None:
    short = Trace("Z", 0, HOUR_S, np.repeat([100.0, 200.0, 600.0], DAY_H))
    noon = np.array([3 * DAY_H * HOUR_S + 12 * HOUR_S])

    assert Profile(short).hour_mean(noon // HOUR_S % DAY_H, noon, noon).tolist() == [300.0]
