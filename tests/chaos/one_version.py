"""Writes to a table and reads from it with one version of the code.

It is started as ``python one_version.py write|revise|read <table>``, with that version's packages
on the path. It uses nothing newer than the oldest version that it is run with.
"""

import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.policy import FreshnessModel, Policy, RankingSignal
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
from greenstream.ports.store import ProviderState, ProviderStatus

T0 = datetime(2026, 11, 22, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
KIND = Kind(Signal.AVERAGE, Basis.DIRECT)

NAMES_FACTOR_SET = "factor_set" in {field.name for field in fields(Reading)}
"""Whether this version's readings name their factor set. Those of the earlier version do not."""


def _named(factor_set: str) -> dict[str, Any]:
    return {"factor_set": factor_set} if NAMES_FACTOR_SET else {}


PLAIN = Reading(
    zone="GBR-13",
    provider="eso",
    provider_zone="13",
    signal=Signal.AVERAGE,
    basis=Basis.DIRECT,
    scope=Scope.CONSUMPTION,
    **_named("neso"),
    quality=Quality.FORECAST,
    gco2_kwh=114.0,
    gco2_low=114.0,
    gco2_high=114.0,
    valid_from=T0 - HOUR / 2,
    valid_to=T0,
    fetched_at=T0 - 25 * MINUTE,
)
EVERYTHING = Reading(
    zone="ENTSOE_NL",
    provider="entsoe",
    provider_zone="10YNL----------L",
    signal=Signal.AVERAGE,
    basis=Basis.LIFECYCLE,
    scope=Scope.PRODUCTION,
    **_named("greenstream"),
    quality=Quality.MEASURED,
    gco2_kwh=245.125,
    gco2_low=201.5,
    gco2_high=388.25,
    valid_from=T0 - 15 * MINUTE,
    valid_to=T0,
    published_at=T0 + 50 * MINUTE,
    fetched_at=T0 + HOUR,
    coverage=0.6512,
    simulated=True,
    detail={"fuel_mw": {"Fossil Gas": 5120.5}, "factors": "2026-11"},
)
READINGS = (PLAIN, EVERYTHING)
FORECAST = Forecast(
    zone="GBR-13",
    provider="eso",
    provider_zone="13",
    signal=Signal.AVERAGE,
    basis=Basis.DIRECT,
    scope=Scope.CONSUMPTION,
    **_named("neso"),
    issued_at=T0,
    points=(
        ForecastPoint(T0, T0 + HOUR / 2, 120.5),
        ForecastPoint(T0 + HOUR / 2, T0 + HOUR, 0.0),
    ),
)
PROFILE = HourProfile(
    zone="GBR-13",
    kind=KIND,
    scope=Scope.CONSUMPTION,
    **_named("neso"),
    provider="eso",
    hours={7: HourMean(300.5, T0, 12.25), 8: HourMean(310.0, T0 + HOUR)},
)
STATUS = ProviderStatus(
    provider="eso",
    state=ProviderState.PARTIAL,
    last_run_at=T0,
    last_success_at=T0,
    newest_valid_to=T0 - HOUR,
    last_error="eso: HTTP 503",
    last_error_kind="transient",
    last_error_at=T0,
    stored=14,
    rejected={"false_zero": 2},
    unconfigured_zones=("PJM",),
)
ROUND_TRIPS = (("LHR", "lon", (3.5, 4.0)), ("SJC", "sfo", (12.34, 900.0, 11.0)))
POLICY = Policy(
    version="tuned-7",
    max_latency_ms=60.0,
    latency_price_gco2_kwh_ms=0.05,
    switch_margin=0.05,
    ranking_signal=RankingSignal.AVERAGE,
    freshness_model=FreshnessModel.DRIFT,
    capacity={"sfo": 2.0},
    log_every=3,
)


def revised(reading: Reading) -> Reading:
    """Return a later revision of the same interval."""
    published_at = reading.published_at and reading.published_at + HOUR
    return replace(
        reading,
        gco2_kwh=reading.gco2_kwh + 10,
        gco2_low=reading.gco2_low + 10,
        gco2_high=reading.gco2_high + 10,
        published_at=published_at,
        fetched_at=reading.fetched_at + HOUR,
    )


def record(
    store: DynamoStore,
    readings: Sequence[Reading],
    profiles: Sequence[HourProfile] = (),
    statuses: Sequence[ProviderStatus] = (),
    forecasts: Sequence[Forecast] = (),
) -> None:
    """Record a run of each provider that these are of."""
    by_provider = {status.provider: status for status in statuses}
    for provider in ("entsoe", "eso"):
        recording = store.recording(provider)
        recording.put_readings([reading for reading in readings if reading.provider == provider])
        for forecast in forecasts:
            if forecast.provider == provider:
                recording.put_forecast(forecast)
        for profile in profiles:
            if profile.provider == provider:
                recording.put_profile(profile)
        recording.publish(by_provider.get(provider))


def write(store: DynamoStore, policies: DynamoPolicies) -> None:
    """Write one item of each kind that there is."""
    record(store, READINGS, [PROFILE], [STATUS], [FORECAST])
    for colo, pop, rtts_ms in ROUND_TRIPS:
        store.record_latency(colo, pop, rtts_ms, T0)
    policies.write(POLICY, {"why": "a test"}, T0)
    policies.enforce(POLICY.version)


def revise(store: DynamoStore) -> None:
    """Write to existing items, as a version does that takes over during a run."""
    later = ProviderStatus(provider="eso", state=ProviderState.OK, last_run_at=T0 + HOUR, stored=15)
    hours = {8: HourMean(290.0, T0 + 2 * HOUR, 3.5)}
    profile, forecast = replace(PROFILE, hours=hours), replace(FORECAST, issued_at=T0 + HOUR)
    record(store, [*map(revised, READINGS)], [profile], [later], [forecast])
    for colo, pop, _ in ROUND_TRIPS:
        store.record_latency(colo, pop, [14.0], T0 + HOUR)


def read(store: DynamoStore, policies: DynamoPolicies) -> list[str]:
    """Return everything that can be read, one line for each value."""
    seen, profiles = store.snapshot(), store.profiles(range(24))
    values: list[object] = [*seen.readings, *profiles, *seen.providers, seen.policy]
    for reading in READINGS:
        span = {"since": T0 - 24 * HOUR, "until": T0 + 24 * HOUR}
        values += store.history(reading.zone, reading.provider, reading.kind, **span)
    values += [*store.forecasts(FORECAST.zone), *store.latencies(), *policies.versions()]
    return [*map(repr, values), f"damaged: {seen.damaged + profiles.damaged}"]


def main(what: str, table_name: str) -> None:
    """Write, revise or read on the table at the endpoint that the environment names."""
    client = dynamodb_client()
    store = DynamoStore(client, table_name, clock=lambda: T0)
    policies = DynamoPolicies(client, table_name)
    match what:
        case "write":
            write(store, policies)
        case "revise":
            revise(store)
        case "read":
            print("\n".join(read(store, policies)))


if __name__ == "__main__":
    main(*sys.argv[1:])
