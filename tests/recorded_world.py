"""Builds the fixed stores behind the recorded answers of the HTTP API, with many edge cases."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Forecast, ForecastPoint, Kind, Quality
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState, ProviderStatus
from tests.builders import AVERAGE_DIRECT, AVERAGE_LIFECYCLE, MARGINAL_DIRECT, NOW, a_reading
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client, SetClock
from tests.storing import put_profile, put_reading, put_status

ASKED_AT: Final = NOW + timedelta(seconds=40.25)
"""The time is not a whole second, so that the answers show how times are rounded."""

HALF_HOUR: Final = timedelta(minutes=30)
HOUR: Final = timedelta(hours=1)

STEERED: Final = Policy(
    version="steered-7",
    max_latency_ms=120.0,
    latency_price_gco2_kwh_ms=0.2,
    switch_margin=0.1,
    penalty_grace_s=300.0,
    penalty_slope_gco2_kwh_min=0.5,
    max_stale_s=4 * 3600.0,
    freshness_model=FreshnessModel.DRIFT,
    capacity={"sfo": 2.0, "nyc": 0.5},
    log_every=3,
)


def rich_store(policy: Policy | None = None, damaged: tuple[str, ...] = ()) -> MemoryStore:
    """Return a store with every rung, kind, state and origin that an answer can show."""
    store = MemoryStore(policy=policy, damaged=damaged)
    _put_readings(store)
    _put_history(store)
    _put_profiles(store)
    _put_forecasts(store)
    _put_statuses(store)
    _put_latencies(store)
    return store


def _rich() -> Client:
    return _at(rich_store())


def _steered() -> Client:
    return _at(rich_store(STEERED))


def _empty() -> Client:
    return _at(MemoryStore())


def _damaged() -> Client:
    return _at(rich_store(damaged=tuple(f"BOARD#{number}" for number in range(7))))


def _unreachable() -> Client:
    return _at(MemoryStore(unreachable=True))


def _remembered() -> Client:
    """Return a router that has read the rich store, which then became unreachable."""
    store = rich_store()
    client = _at(store)
    client.ask("/v1/health")
    store.unreachable = True
    client.clock.forward(95)
    return client


def _at(store: MemoryStore) -> Client:
    return Client(store, clock=SetClock(ASKED_AT))


WORLDS: Final[Mapping[str, Callable[[], Client]]] = {
    "rich": _rich,
    "steered": _steered,
    "empty": _empty,
    "damaged": _damaged,
    "unreachable": _unreachable,
    "remembered": _remembered,
}
"""The functions make a new router each time, so that no answer depends on an earlier request."""


def _put(
    store: MemoryStore,
    zone: str,
    source: int,
    gco2_kwh: float,
    age_s: float,
    *,
    kind: Kind = AVERAGE_DIRECT,
    doubt: float = 0.0,
    **changes: object,
) -> None:
    feed = zones()[zone].sources[source]
    put_reading(
        store,
        a_reading(
            zone=zone,
            provider=feed.provider,
            provider_zone=feed.provider_zone,
            kind=kind,
            scope=feed.scope,
            gco2_kwh=gco2_kwh,
            gco2_low=gco2_kwh - doubt,
            gco2_high=gco2_kwh + doubt,
            age_s=age_s,
            **changes,
        ),
    )


def _put_readings(store: MemoryStore) -> None:
    # A zone with figures of two kinds. The marginal one comes from the first source.
    _put(store, "CAISO_NORTH", 0, 412.35, 300, kind=MARGINAL_DIRECT)
    _put(store, "CAISO_NORTH", 1, 188.44, 1020, coverage=0.934, doubt=6.2)
    _put(store, "CAISO_NORTH", 1, 241.6, 1020, kind=AVERAGE_LIFECYCLE, coverage=0.934, doubt=6.2)
    # A live figure that is old enough for a penalty.
    _put(store, "NYISO", 0, 260.26, 900, published_at=NOW - timedelta(seconds=840))
    _put(store, "NYISO", 0, 312.0, 900, kind=AVERAGE_LIFECYCLE)
    # A stale figure.
    _put(store, "PJM", 0, 371.05, 5 * 3600)
    _put(store, "PJM", 0, 431.9, 5 * 3600, kind=AVERAGE_LIFECYCLE)
    # A region with a live figure, a region with a late figure, and the nation that contains both.
    _put(store, "GBR-3", 0, 61.0, 1800, quality=Quality.FORECAST)
    _put(store, "GBR-13", 0, 121.0, 2 * 3600 + 60, quality=Quality.FORECAST)
    _put(store, "GBR", 0, 140.0, 600, valid_from=NOW - timedelta(minutes=40))
    # A live figure with low coverage.
    _put(store, "ENTSOE_NL", 0, 301.5, 2700, coverage=0.55, doubt=88.75)
    _put(store, "ENTSOE_NL", 0, 356.25, 2700, kind=AVERAGE_LIFECYCLE, coverage=0.55, doubt=88.75)
    # A simulated figure.
    _put(store, "ENTSOE_DE_LU", 0, 334.7, 3600, simulated=True)
    _put(store, "ENTSOE_DE_LU", 0, 389.2, 3600, kind=AVERAGE_LIFECYCLE, simulated=True)
    # A figure from the last source, on one basis only.
    _put(store, "ENTSOE_FR", 1, 28.0, 1500, quality=Quality.ESTIMATED)
    # An interval that has not ended.
    _put(store, "ENTSOE_SE3", 0, 9.96, -900, valid_from=NOW - timedelta(minutes=45))
    # Expired figures, which a profile or a yearly mean replaces.
    _put(store, "ENTSOE_ES", 0, 143.0, 30 * 3600)
    _put(store, "ENTSOE_PL", 0, 702.0, 7 * 3600)


def _put_history(store: MemoryStore) -> None:
    for half_hours, gco2_kwh in enumerate((133.0, 127.5, 118.0, 96.25), start=5):
        _put(store, "GBR-13", 0, gco2_kwh, half_hours * 1800 + 60)
        _put(store, "GBR", 0, gco2_kwh + 20, half_hours * 1800)
    for minutes, gco2_kwh in ((20, 262.0), (25, 266.4), (70, 271.0)):
        _put(store, "NYISO", 0, gco2_kwh, minutes * 60)
    # A revision of the same interval.
    _put(store, "NYISO", 0, 264.9, 25 * 60, published_at=NOW, fetched_at=NOW)


def _put_profiles(store: MemoryStore) -> None:
    yesterday, last_month = NOW - timedelta(hours=20), NOW - timedelta(days=30)
    for zone, source, kind, level, computed_at in (
        ("CAISO_NORTH", 1, AVERAGE_DIRECT, 205.0, yesterday),
        ("NYISO", 0, AVERAGE_DIRECT, 255.0, yesterday),
        ("ENTSOE_NL", 0, AVERAGE_DIRECT, 290.0, yesterday),
        ("ENTSOE_ES", 0, AVERAGE_DIRECT, 120.0, yesterday),
        ("ENTSOE_ES", 0, AVERAGE_LIFECYCLE, 151.0, yesterday),
        ("ENTSOE_PT", 0, AVERAGE_DIRECT, 111.0, last_month),
    ):
        feed = zones()[zone].sources[source]
        put_profile(
            store,
            HourProfile(
                zone=zone,
                kind=kind,
                scope=feed.scope,
                factor_set=GREENSTREAM,
                provider=feed.provider,
                hours={
                    hour: HourMean(level + 1.25 * (hour - 12) ** 2 / 10, computed_at, 14.5)
                    for hour in (*range(9), *range(11, 23))
                },
                simulated=zone == "ENTSOE_NL",
            ),
        )


def _put_forecasts(store: MemoryStore) -> None:
    a_day = [96 + 4.5 * abs(step - 17) - (step % 5) for step in range(-3, 60)]
    falling = [410.0, 402.25, 377.0, 344.0, 340.0, 341.5, 360.0, 398.0]
    for zone, source, kind, step, values in (
        ("GBR-13", 0, AVERAGE_DIRECT, HALF_HOUR, a_day),
        ("GBR", 0, AVERAGE_DIRECT, HALF_HOUR, [value + 31.3 for value in a_day]),
        ("CAISO_NORTH", 0, MARGINAL_DIRECT, HOUR, falling),
        ("CAISO_NORTH", 1, AVERAGE_DIRECT, HOUR, falling[::-1]),
        ("NYISO", 0, AVERAGE_DIRECT, HOUR, [250.0, 248.0]),
        ("ENTSOE_DE_LU", 0, AVERAGE_LIFECYCLE, HOUR, [390.0, 350.5, 310.0, 355.0]),
    ):
        _put_forecast(store, zone, source, kind, step, values)


def _put_forecast(
    store: MemoryStore, zone: str, source: int, kind: Kind, step: timedelta, values: Sequence[float]
) -> None:
    feed = zones()[zone].sources[source]
    start = NOW - 2 * step
    store.put_forecast(
        Forecast(
            zone=zone,
            provider=feed.provider,
            provider_zone=feed.provider_zone,
            signal=kind.signal,
            basis=kind.basis,
            scope=feed.scope,
            factor_set=GREENSTREAM,
            issued_at=NOW - timedelta(minutes=17),
            points=tuple(
                ForecastPoint(start + number * step, start + (number + 1) * step, value)
                for number, value in enumerate(values)
            ),
            simulated=zone == "ENTSOE_DE_LU",
        )
    )


def _put_statuses(store: MemoryStore) -> None:
    minute = timedelta(minutes=1)
    for status in (
        ProviderStatus(
            provider="watttime",
            state=ProviderState.FAILED,
            last_run_at=NOW - minute,
            last_success_at=NOW - 6 * minute,
            newest_valid_to=NOW - 5 * minute,
            last_error="GET /v3/signal-index answered 503",
            last_error_kind="upstream",
            last_error_at=NOW - minute,
        ),
        ProviderStatus(
            provider="gridstatus",
            state=ProviderState.PARTIAL,
            last_run_at=NOW - 2 * minute,
            last_success_at=NOW - 2 * minute,
            newest_valid_to=NOW - 15 * minute,
            stored=6,
            rejected={"low_coverage": 2, "negative": 1},
            unconfigured_zones=("PJM",),
        ),
        ProviderStatus(
            provider="eso",
            state=ProviderState.OK,
            last_run_at=NOW - 9 * minute,
            last_success_at=NOW - 9 * minute,
            newest_valid_to=NOW - 10 * minute,
            last_error="the answer is not JSON",
            last_error_kind="invalid",
            last_error_at=NOW - 400 * minute,
            stored=18,
        ),
        ProviderStatus(
            provider="entsoe",
            state=ProviderState.OK,
            last_run_at=NOW - 300 * minute,
            last_success_at=NOW - 300 * minute,
            newest_valid_to=NOW - 45 * minute,
            stored=4,
            simulated=True,
        ),
        ProviderStatus(
            provider="electricitymaps",
            state=ProviderState.UNCONFIGURED,
            last_run_at=NOW - 4 * minute,
        ),
    ):
        put_status(store, status)


def _put_latencies(store: MemoryStore) -> None:
    for colo, pop, rtts_ms, age in (
        ("SJC", "sfo", (3.1, 2.9, 3.4, 80.0, 3.2), HOUR),
        ("SJC", "lax", (11.0, 12.5), HOUR),  # too few samples to be trusted
        ("AMS", "ams", (1.24, 1.16, 1.2, 1.3, 1.1), HOUR),
        ("AMS", "lon", (7.6, 7.9, 7.7, 8.1, 7.5, 7.8), 50 * HOUR),
        ("FRA", "ams", (6.0, 6.1, 6.2, 6.3, 6.4), 8 * 24 * HOUR),  # too old to be trusted
    ):
        store.record_latency(colo, pop, rtts_ms, NOW - age)
