"""The tests that every store must pass. A subclass of `StoreContract` has a fixture `store`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st

from greenstream.aws.board_items import MAX_ERROR_CHARS
from greenstream.aws.reading_items import MAX_EARLIER
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import (
    Basis,
    Forecast,
    ForecastPoint,
    Kind,
    Quality,
    Reading,
    Scope,
    Signal,
)
from greenstream.domain.roundtrips import LIFE, VOTES, MeasuredRtt
from greenstream.ports.store import ProviderState, ProviderStatus, Put, PutOutcome, Snapshot, Store
from tests.storing import profiles_of, put_forecast, put_profile, put_reading, put_status

T0 = datetime(2026, 11, 22, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
AVERAGE_DIRECT = Kind(Signal.AVERAGE, Basis.DIRECT)
STORED, REVISED = PutOutcome.STORED, PutOutcome.REVISED
DUPLICATE, LATE = PutOutcome.DUPLICATE, PutOutcome.LATE


def a_reading(
    *,
    end: datetime = T0,
    gco2_kwh: float = 300.0,
    published_at: datetime | None = None,
    fetched_at: datetime | None = None,
    zone: str = "NYISO",
    kind: Kind = AVERAGE_DIRECT,
) -> Reading:
    return Reading(
        zone=zone,
        provider="gridstatus",
        provider_zone="NYISO",
        signal=kind.signal,
        basis=kind.basis,
        scope=Scope.PRODUCTION,
        factor_set=GREENSTREAM,
        quality=Quality.MEASURED,
        gco2_kwh=gco2_kwh,
        gco2_low=gco2_kwh,
        gco2_high=gco2_kwh,
        valid_from=end - HOUR,
        valid_to=end,
        published_at=published_at,
        fetched_at=fetched_at or end,
    )


def a_forecast(*, issued_at: datetime = T0, gco2_kwh: float = 120.0) -> Forecast:
    return Forecast(
        zone="GBR-13",
        provider="eso",
        provider_zone="13",
        signal=Signal.AVERAGE,
        basis=Basis.DIRECT,
        scope=Scope.CONSUMPTION,
        factor_set=GREENSTREAM,
        issued_at=issued_at,
        points=(
            ForecastPoint(T0, T0 + HOUR, gco2_kwh),
            ForecastPoint(T0 + HOUR, T0 + 2 * HOUR, 0.0),
        ),
    )


def a_profile(
    hours: Mapping[int, tuple[float, datetime] | tuple[float, datetime, float, int]],
    *,
    zone: str = "NYISO",
    simulated: bool = False,
) -> HourProfile:
    return HourProfile(
        zone=zone,
        kind=AVERAGE_DIRECT,
        scope=Scope.PRODUCTION,
        factor_set=GREENSTREAM,
        provider="gridstatus",
        hours={hour: HourMean(*mean) for hour, mean in hours.items()},
        simulated=simulated,
    )


def succeeded(at: datetime) -> ProviderStatus:
    return ProviderStatus(
        provider="eso",
        state=ProviderState.PARTIAL,
        last_run_at=at,
        last_success_at=at,
        newest_valid_to=at - HOUR,
        stored=14,
        rejected={"false_zero": 2},
        unconfigured_zones=("PJM",),
    )


def failed(at: datetime, why: str = "eso: HTTP 503") -> ProviderStatus:
    return ProviderStatus(
        provider="eso",
        state=ProviderState.FAILED,
        last_run_at=at,
        last_error=why,
        last_error_kind="transient",
        last_error_at=at,
    )


def whole_history(store: Store, reading: Reading) -> list[Reading]:
    return list(
        store.history(
            reading.zone,
            reading.provider,
            reading.kind,
            since=T0 - timedelta(days=30),
            until=T0 + timedelta(days=30),
        )
    )


def all_versions(store: Store, reading: Reading) -> list[tuple[datetime, float]]:
    """Return, for each version of a reading, the time when it was fetched and its figure."""
    versions = store.versions(
        reading.zone,
        reading.provider,
        reading.kind,
        since=T0 - timedelta(days=30),
        until=T0 + timedelta(days=30),
    )
    return [(version.fetched_at, version.gco2_kwh) for version in versions]


def revision(reading: Reading) -> datetime:
    return reading.published_at or reading.fetched_at


@st.composite
def deliveries(draw: st.DrawFn) -> list[Reading]:
    """Generate readings of one source in any order, with repetitions and revisions.

    A revision may have an earlier figure again, since upstreams correct their corrections.
    """
    published = draw(st.booleans())
    figures = draw(st.lists(st.sampled_from([100.0, 200.0]), min_size=4, max_size=4))
    versions = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(
        lambda at: a_reading(
            end=T0 + at[0] * HOUR,
            gco2_kwh=figures[at[1]],
            published_at=T0 + at[1] * HOUR if published else None,
            fetched_at=T0 + (8 if published else 4 + at[1]) * HOUR,
        )
    )
    return draw(st.lists(versions, min_size=1, max_size=12))


def assert_newest_everywhere(store: Store, delivered: Sequence[Reading]) -> None:
    """Assert what a store has after these deliveries.

    The snapshot has the latest revision of the newest interval, and the history has the latest
    revision of every interval once. The history may have the time at which the same figures were
    fetched first.
    """
    zone = delivered[0].zone
    by_end: dict[datetime, list[Reading]] = {}
    for reading in sorted(delivered, key=revision):
        by_end.setdefault(reading.valid_to, []).append(reading)
    newest = max(by_end)
    history = {reading.valid_to: reading for reading in whole_history(store, delivered[0])}
    assert list(history) == sorted(by_end)
    for valid_to, reading in history.items():
        figures = last_figures(by_end[valid_to], overtaken=valid_to < newest)
        assert reading.gco2_kwh in figures
        assert reading.published_at == by_end[valid_to][-1].published_at
    current = [reading for reading in store.snapshot().readings if reading.zone == zone]
    assert current == by_end[newest][-1:]


def last_figures(versions: Sequence[Reading], *, overtaken: bool) -> set[float]:
    """Return the figures that the history may have of an interval, given its versions in order.

    It has those of the last version. There is one exception (`greenstream.ports.store.Store`): a
    figure that is fetched again is not written again, so that another figure of the same
    publication that was fetched in between may stay, once a newer interval has come.
    """
    allowed = {versions[-1].gco2_kwh}
    for at, version in enumerate(versions if overtaken else ()):
        before, after = (
            {(other.gco2_kwh, other.published_at) for other in part}
            for part in (versions[:at], versions[at + 1 :])
        )
        if {stated for stated in after if stated[0] != version.gco2_kwh} <= before:
            allowed.add(version.gco2_kwh)
    return allowed


class StoreContract:
    def test_an_empty_store_answers_with_nothing(self, store: Store) -> None:
        assert store.snapshot() == Snapshot()
        assert whole_history(store, a_reading()) == []
        assert store.forecasts("NYISO") == ()

    def test_the_first_reading_is_stored(self, store: Store) -> None:
        assert put_reading(store, a_reading()) == Put(STORED, None)
        assert store.snapshot().readings == (a_reading(),)
        assert whole_history(store, a_reading()) == [a_reading()]

    def test_a_newer_reading_replaces_the_current_one_and_returns_its_start(
        self, store: Store
    ) -> None:
        old, new = a_reading(), a_reading(end=T0 + HOUR)
        put_reading(store, old)
        assert put_reading(store, new) == Put(STORED, old.valid_from)
        assert store.snapshot().readings == (new,)
        assert whole_history(store, new) == [old, new]

    def test_an_identical_reading_is_a_duplicate(self, store: Store) -> None:
        put_reading(store, a_reading())
        assert put_reading(store, a_reading()) == Put(DUPLICATE, a_reading().valid_from)
        assert store.snapshot().readings == (a_reading(),)
        assert whole_history(store, a_reading()) == [a_reading()]
        assert all_versions(store, a_reading()) == [(T0, 300.0)]

    def test_a_late_reading_goes_into_the_history_only(self, store: Store) -> None:
        new, late = a_reading(end=T0 + HOUR), a_reading()
        put_reading(store, new)
        assert put_reading(store, late) == Put(LATE, new.valid_from)
        assert store.snapshot().readings == (new,)
        assert whole_history(store, new) == [late, new]

    @pytest.mark.parametrize("later", [timedelta(minutes=5), timedelta(microseconds=1)])
    def test_a_later_publication_is_a_revision(self, store: Store, later: timedelta) -> None:
        first = a_reading(published_at=T0)
        corrected = a_reading(published_at=T0 + later, gco2_kwh=310.0)
        put_reading(store, first)
        assert put_reading(store, corrected) == Put(REVISED, first.valid_from)
        assert store.snapshot().readings == (corrected,)
        assert whole_history(store, first) == [corrected]

    def test_an_earlier_publication_never_replaces_a_later_one(self, store: Store) -> None:
        corrected = a_reading(published_at=T0 + HOUR, gco2_kwh=310.0)
        put_reading(store, corrected)
        earlier = a_reading(published_at=T0, fetched_at=T0 + 2 * HOUR)
        assert put_reading(store, earlier).outcome is DUPLICATE
        assert store.snapshot().readings == (corrected,)
        assert whole_history(store, corrected) == [corrected]

    def test_of_two_versions_of_one_publication_the_last_fetched_stays(self, store: Store) -> None:
        first = a_reading(published_at=T0)
        corrected = a_reading(published_at=T0, gco2_kwh=310.0, fetched_at=T0 + HOUR)
        put_reading(store, first)
        assert put_reading(store, corrected) == Put(REVISED, first.valid_from)
        assert put_reading(store, first).outcome is DUPLICATE
        assert store.snapshot().readings == (corrected,)
        assert whole_history(store, first) == [corrected]

    def test_the_same_figures_of_one_publication_are_a_duplicate(self, store: Store) -> None:
        again = a_reading(published_at=T0, fetched_at=T0 + HOUR)
        put_reading(store, a_reading(published_at=T0))
        assert put_reading(store, again).outcome is DUPLICATE
        assert [reading.gco2_kwh for reading in whole_history(store, again)] == [300.0]

    def test_other_figures_fetched_later_are_a_revision_without_a_publication_time(
        self, store: Store
    ) -> None:
        put_reading(store, a_reading())
        corrected = a_reading(gco2_kwh=310.0, fetched_at=T0 + HOUR)
        assert put_reading(store, corrected).outcome is REVISED
        assert store.snapshot().readings == (corrected,)
        assert whole_history(store, corrected) == [corrected]

    def test_the_same_figures_fetched_later_are_a_duplicate_without_a_publication_time(
        self, store: Store
    ) -> None:
        put_reading(store, a_reading())
        assert put_reading(store, a_reading(fetched_at=T0 + HOUR)).outcome is DUPLICATE
        assert [reading.gco2_kwh for reading in whole_history(store, a_reading())] == [300.0]

    def test_superseded_versions_are_stored_beside_the_revision(self, store: Store) -> None:
        delivered = [(0, 300.0), (1, 310.0), (2, 300.0)]
        for hours, gco2_kwh in delivered:
            put_reading(store, a_reading(gco2_kwh=gco2_kwh, fetched_at=T0 + hours * HOUR))
        put_reading(store, a_reading(end=T0 + HOUR, gco2_kwh=5.0, fetched_at=T0 + 3 * HOUR))
        assert all_versions(store, a_reading()) == [
            *((T0 + hours * HOUR, gco2_kwh) for hours, gco2_kwh in delivered),
            (T0 + 3 * HOUR, 5.0),
        ]
        assert [reading.gco2_kwh for reading in whole_history(store, a_reading())] == [300.0, 5.0]

    def test_a_version_has_the_time_when_its_figures_were_first_fetched(self, store: Store) -> None:
        for minutes in (0, 5, 10):
            put_reading(store, a_reading(fetched_at=T0 + timedelta(minutes=minutes)))
        put_reading(store, a_reading(gco2_kwh=310.0, fetched_at=T0 + HOUR))
        for minutes in (65, 70):
            put_reading(
                store, a_reading(gco2_kwh=310.0, fetched_at=T0 + timedelta(minutes=minutes))
            )
        assert all_versions(store, a_reading()) == [(T0, 300.0), (T0 + HOUR, 310.0)]

    def test_a_later_publication_of_the_same_figures_is_not_a_new_version(
        self, store: Store
    ) -> None:
        for hours in range(3):
            published = T0 + hours * HOUR
            put_reading(store, a_reading(published_at=published, fetched_at=published))
        assert all_versions(store, a_reading()) == [(T0, 300.0)]

    def test_a_revision_with_full_coverage_has_no_bounds_of_the_partial_version(
        self, store: Store
    ) -> None:
        partial = replace(
            a_reading(), coverage=0.6, gco2_low=200.0, gco2_high=400.0, detail={"fuel": "x"}
        )
        whole = a_reading(fetched_at=T0 + HOUR)
        put_reading(store, partial)
        put_reading(store, whole)
        assert whole_history(store, whole) == [whole]
        versions = store.versions(
            "NYISO", "gridstatus", AVERAGE_DIRECT, since=T0 - HOUR, until=T0 + HOUR
        )
        without_detail = [replace(version, detail={}) for version in versions]
        assert without_detail == [replace(partial, detail={}), whole]

    def test_only_the_last_versions_of_an_interval_are_stored(self, store: Store) -> None:
        for minutes in range(MAX_EARLIER + 10):
            at = T0 + timedelta(minutes=minutes)
            put_reading(store, a_reading(gco2_kwh=100.0 + minutes, fetched_at=at))
        figures = [gco2_kwh for _, gco2_kwh in all_versions(store, a_reading())]
        assert figures == [100.0 + minutes for minutes in range(9, MAX_EARLIER + 10)]

    def test_an_interval_of_the_past_can_be_revised(self, store: Store) -> None:
        put_reading(store, a_reading(published_at=T0))
        new = a_reading(end=T0 + HOUR, published_at=T0 + HOUR)
        put_reading(store, new)
        corrected = a_reading(published_at=T0 + 2 * HOUR, gco2_kwh=310.0)
        assert put_reading(store, corrected).outcome is LATE
        assert store.snapshot().readings == (new,)
        assert whole_history(store, new) == [corrected, new]

    def test_sources_and_kinds_are_stored_separately(self, store: Store) -> None:
        direct = a_reading()
        others = [
            a_reading(kind=Kind(Signal.AVERAGE, Basis.LIFECYCLE)),
            a_reading(kind=Kind(Signal.MARGINAL, Basis.DIRECT)),
            a_reading(zone="PJM"),
            replace(direct, provider="electricitymaps"),
        ]
        for reading in [direct, *others]:
            assert put_reading(store, reading).outcome is STORED
        readings = store.snapshot().readings
        assert len(readings) == 5
        assert all(reading in readings for reading in [direct, *others])
        assert whole_history(store, direct) == [direct]

    def test_every_field_is_stored_and_read(self, store: Store) -> None:
        reading = Reading(
            zone="ENTSOE_NL",
            provider="entsoe",
            provider_zone="10YNL----------L",
            signal=Signal.AVERAGE,
            basis=Basis.LIFECYCLE,
            scope=Scope.CONSUMPTION,
            factor_set="of_the_operator",
            quality=Quality.ESTIMATED,
            gco2_kwh=251.125,
            gco2_low=180.5,
            gco2_high=402.75,
            valid_from=T0 - timedelta(minutes=15),
            valid_to=T0 + timedelta(seconds=1, microseconds=250_001),
            published_at=T0 + timedelta(seconds=5),
            fetched_at=T0 + timedelta(seconds=6, microseconds=999_999),
            coverage=0.6512,
            simulated=True,
            as_published_gco2_kwh=263.5,
            detail={"fuel_mw": {"Gas": 5120.5, "Other": None}, "flags": ["provisional"]},
        )
        put_reading(store, reading)
        assert whole_history(store, reading) == [reading]
        assert store.snapshot().readings == (replace(reading, detail={}),), (
            "only the history has the detail"
        )

    def test_a_true_zero_is_a_figure(self, store: Store) -> None:
        put_reading(store, a_reading(gco2_kwh=0.0))
        assert store.snapshot().readings == (a_reading(gco2_kwh=0.0),)

    def test_a_figure_is_stored_to_a_thousandth_of_a_gram(self, store: Store) -> None:
        put_reading(store, a_reading(gco2_kwh=1234.56789))
        assert store.snapshot().readings[0].gco2_kwh == pytest.approx(1234.568, abs=0.0005)

    def test_history_excludes_the_start_and_includes_the_end(self, store: Store) -> None:
        readings = [a_reading(end=T0 + hour * HOUR) for hour in range(4)]
        for reading in reversed(readings):
            put_reading(store, reading)
        span = {"since": T0, "until": T0 + 2 * HOUR}
        history = store.history("NYISO", "gridstatus", AVERAGE_DIRECT, **span)
        assert history == (readings[1], readings[2])

    def test_a_forecast_is_replaced_only_by_one_issued_later(self, store: Store) -> None:
        assert put_forecast(store, a_forecast()) is STORED
        assert put_forecast(store, a_forecast()) is DUPLICATE
        newer = a_forecast(issued_at=T0 + HOUR, gco2_kwh=90.0)
        assert put_forecast(store, newer) is STORED
        assert put_forecast(store, a_forecast()) is LATE
        assert store.forecasts("GBR-13") == (newer,)

    def test_a_forecast_with_the_points_of_the_last_hours_is_not_stored_again(
        self, store: Store
    ) -> None:
        later = a_forecast(issued_at=T0 + HOUR - timedelta(seconds=1))
        put_forecast(store, a_forecast())
        assert put_forecast(store, later) is DUPLICATE
        assert store.forecasts("GBR-13") == (a_forecast(),)
        assert put_forecast(store, a_forecast(issued_at=T0 + HOUR)) is STORED
        assert store.forecasts("GBR-13") == (a_forecast(issued_at=T0 + HOUR),)
        assert put_forecast(store, later) is LATE

    def test_forecasts_are_stored_separately_by_source_and_zone(self, store: Store) -> None:
        other = replace(a_forecast(), provider="electricitymaps", simulated=True)
        put_forecast(store, a_forecast())
        put_forecast(store, other)
        put_forecast(store, replace(a_forecast(), zone="GBR-1"))
        forecasts = store.forecasts("GBR-13")
        assert len(forecasts) == 2
        assert a_forecast() in forecasts
        assert other in forecasts

    def test_writing_an_hour_of_a_profile_leaves_the_other_hours_unchanged(
        self, store: Store
    ) -> None:
        put_profile(store, a_profile({7: (300.5, T0), 8: (310.0, T0)}))
        put_profile(store, a_profile({8: (290.0, T0 + HOUR)}))
        put_profile(store, a_profile({9: (1.0, T0)}, zone="PJM"))
        profiles = {profile.zone: profile for profile in profiles_of(store)}
        assert profiles == {
            "NYISO": a_profile({7: (300.5, T0), 8: (290.0, T0 + HOUR)}),
            "PJM": a_profile({9: (1.0, T0)}, zone="PJM"),
        }

    def test_a_mean_computed_earlier_never_replaces_a_later_one(self, store: Store) -> None:
        put_profile(store, a_profile({7: (300.0, T0 + HOUR)}))
        put_profile(store, a_profile({7: (200.0, T0)}))
        assert profiles_of(store) == (a_profile({7: (300.0, T0 + HOUR)}),)

    def test_of_two_means_computed_at_once_the_first_stays(self, store: Store) -> None:
        for gco2_kwh in (300.0, 200.0):
            put_profile(store, a_profile({7: (gco2_kwh, T0)}))
        assert profiles_of(store) == (a_profile({7: (300.0, T0)}),)

    @pytest.mark.parametrize(
        ("days", "before", "after", "stands"),
        [
            (4, 7, 3, "before"),
            (5, 7, 2, "before"),
            (4, 7, 4, "after"),
            (4, 3, 1, "after"),
            (6, 7, 1, "after"),
            (8, 7, 1, "after"),
        ],
        ids=[
            "few days",
            "very few days",
            "enough days",
            "both of few days",
            "less than a day and a half before its end",
            "past its end",
        ],
    )
    def test_after_an_outage_a_mean_of_few_days_waits_until_the_one_before_ends(
        self, store: Store, days: int, before: int, after: int, stands: str
    ) -> None:
        first = a_profile({7: (300.0, T0, 10.0, before), 8: (310.0, T0, 10.0, before)})
        later = T0 + timedelta(days=days)
        put_profile(store, first)
        put_profile(store, a_profile({7: (200.0, later, 0.5, after)}))
        [profile] = profiles_of(store)
        expected = first.hours[7] if stands == "before" else HourMean(200.0, later, 0.5, after)
        assert profile.hours == {7: expected, 8: first.hours[8]}
        spread = profile.spread_gco2_kwh()
        if stands == "before":
            assert spread == pytest.approx(10.0)
        elif days > 7:  # the mean of the other hour had run out when this one was computed
            assert spread is None

    def test_of_two_means_of_one_publication_that_of_few_days_waits_too(self, store: Store) -> None:
        usual = a_profile({7: (300.0, T0, 10.0, 7)})
        recording = store.recording(usual.provider)
        recording.put_profile(usual)
        recording.put_profile(a_profile({7: (200.0, T0 + HOUR, 0.5, 1)}))
        recording.publish()
        [profile] = profiles_of(store)
        assert profile.hours == usual.hours

    def test_a_written_profile_is_in_the_writers_next_snapshot(self, store: Store) -> None:
        assert profiles_of(store) == ()
        put_profile(store, a_profile({7: (300.0, T0)}))
        assert profiles_of(store) == (a_profile({7: (300.0, T0)}),)

    def test_each_provider_has_a_profile_of_its_own(self, store: Store) -> None:
        own = a_profile({7: (300.0, T0)})
        other = replace(
            a_profile({7: (500.0, T0 + HOUR), 8: (510.0, T0 + HOUR)}),
            provider="electricitymaps",
            scope=Scope.CONSUMPTION,
        )
        put_profile(store, own)
        put_profile(store, other)
        profiles = {profile.provider: profile for profile in profiles_of(store)}
        assert profiles == {"gridstatus": own, "electricitymaps": other}

    def test_one_simulated_hour_marks_the_whole_profile_as_simulated(self, store: Store) -> None:
        put_profile(store, a_profile({7: (300.0, T0)}, simulated=True))
        put_profile(store, a_profile({8: (300.0, T0)}))
        assert profiles_of(store)[0].simulated

    def test_a_failed_run_keeps_the_last_success(self, store: Store) -> None:
        put_status(store, succeeded(T0))
        put_status(store, failed(T0 + HOUR))
        assert store.snapshot().providers == (
            replace(failed(T0 + HOUR), last_success_at=T0, newest_valid_to=T0 - HOUR),
        )

    def test_a_good_run_keeps_the_last_error(self, store: Store) -> None:
        put_status(store, failed(T0))
        put_status(store, succeeded(T0 + HOUR))
        [status] = store.snapshot().providers
        assert (status.state, status.last_error_at) == (ProviderState.PARTIAL, T0)
        assert (status.last_error, status.last_error_kind) == ("eso: HTTP 503", "transient")
        assert (status.rejected, status.unconfigured_zones) == ({"false_zero": 2}, ("PJM",))

    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
    def test_runs_recorded_in_any_order_give_the_same_status(
        self, store: Store, order: tuple[int, ...]
    ) -> None:
        runs = [failed(T0, "old"), succeeded(T0 + HOUR), failed(T0 + 2 * HOUR, "new")]
        for index in [*order, *order]:
            put_status(store, runs[index])
        assert store.snapshot().providers == (
            replace(runs[2], last_success_at=T0 + HOUR, newest_valid_to=T0),
        )

    def test_a_long_error_is_cut_to_its_beginning(self, store: Store) -> None:
        put_status(store, failed(T0, "eso: " + "x" * 100_000))
        [status] = store.snapshot().providers
        assert status.last_error == "eso: " + "x" * (MAX_ERROR_CHARS - 5)

    def test_reports_of_round_trips_become_one_figure_for_each_colo_and_pop(
        self, store: Store
    ) -> None:
        assert store.latencies() == ()
        assert store.record_latency("SJC", "sfo", [12.34, 900.0, 11.0], T0)
        assert store.record_latency("SJC", "sfo", [14.0], T0 + HOUR)
        assert store.record_latency("SJC", "lon", [140.0, 150.0], T0)
        paths = {(path.colo, path.pop): path for path in store.latencies()}
        assert paths == {
            ("SJC", "sfo"): MeasuredRtt(
                colo="SJC", pop="sfo", votes_ms=(12.3, 14.0), samples=4, updated_at=T0 + HOUR
            ),
            ("SJC", "lon"): MeasuredRtt(
                colo="SJC", pop="lon", votes_ms=(145.0,), samples=2, updated_at=T0
            ),
        }

    def test_the_round_trips_of_one_colo_can_be_read_alone(self, store: Store) -> None:
        for colo in ("SJA", "SJC", "SJD"):
            store.record_latency(colo, "sfo", [12.0], T0)
        store.record_latency("SJC", "lon", [140.0], T0)
        assert {(path.colo, path.pop) for path in store.latencies("SJC")} == {
            ("SJC", "sfo"),
            ("SJC", "lon"),
        }
        assert store.latencies("AMS") == ()

    def test_only_the_last_reports_have_a_vote_but_all_samples_are_counted(
        self, store: Store
    ) -> None:
        for number in range(VOTES + 3):
            store.record_latency("SJC", "sfo", [float(number + 1)], T0)
        [measured] = store.latencies()
        assert measured.votes_ms == tuple(float(number + 1) for number in range(3, VOTES + 3))
        assert measured.samples == VOTES + 3

    def test_a_report_after_a_long_silence_replaces_the_earlier_votes(self, store: Store) -> None:
        store.record_latency("SJC", "sfo", [10.0] * 9, T0)
        store.record_latency("SJC", "sfo", [20.0], T0 + LIFE)
        [measured] = store.latencies()
        assert (measured.votes_ms, measured.samples) == ((20.0,), 1)

    def test_a_late_report_is_counted_but_does_not_change_the_time_of_the_last(
        self, store: Store
    ) -> None:
        store.record_latency("SJC", "sfo", [10.0], T0 + HOUR)
        store.record_latency("SJC", "sfo", [20.0], T0)
        [measured] = store.latencies()
        assert (measured.samples, measured.updated_at) == (2, T0 + HOUR)
