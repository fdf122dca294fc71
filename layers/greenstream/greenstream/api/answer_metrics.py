"""The answer of ``/metrics``: the age and the figure of every source and zone, for Prometheus.

Everything here comes from the store, so that each of a function's processes gives the same values.
What one process counts of its own (decisions, durations) is in CloudWatch, which adds up all of
them; a scrape meets one process of many.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from greenstream.api.answer_health import live_for_s, without_success
from greenstream.api.exposition import Gauge, Sample, text
from greenstream.api.view import View
from greenstream.domain.freshness import age_s
from greenstream.domain.ladder import Rung, ZoneCarbon
from greenstream.domain.ranking import Standings
from greenstream.domain.version import VERSION
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState, ProviderStatus

NEVER: Final = "never_run"
"""The state of a provider of the zone table that has no status."""

ValueOf = Callable[[ProviderStatus], float | None]


def metrics(view: View, standings: Standings, now: datetime) -> str:
    """Return the metrics of a view at an instant, in Prometheus' text exposition format.

    Parameters
    ----------
    view
        The view of the store.
    standings
        What the POPs are ranked by at this instant.
    now
        The present, in UTC.
    """
    carbon_of = view.carbon_at(now, view.policy, None)
    figures = [carbon_of(zone) for zone in zones()]
    return text([*_router(view, now), *_providers(view, now), *_zones(figures), *_pops(standings)])


def _router(view: View, now: datetime) -> Iterator[Gauge]:
    read_at = view.read_at
    yield Gauge(
        "greenstream_build_info",
        "Is 1; the labels name the router's version and the policy in force.",
        [Sample({"version": VERSION, "policy": view.policy.version}, 1)],
    )
    yield Gauge(
        "greenstream_store_up",
        "Whether the router's last read of the table succeeded.",
        [Sample({}, int(view.fault is None))],
    )
    yield Gauge(
        "greenstream_table_read_age_seconds",
        "Time since the router read the table that this answer rests on.",
        [Sample({}, None if read_at is None else max(0.0, (now - read_at).total_seconds()))],
    )
    yield Gauge(
        "greenstream_damaged_items",
        "Number of items of the table that could not be decoded.",
        [Sample({}, len(view.snapshot.damaged) if read_at is not None else None)],
    )
    simulated = view.simulated
    yield Gauge(
        "greenstream_simulated",
        "Whether a simulator made any of the data.",
        [Sample({}, None if simulated is None else int(simulated))],
    )


def _providers(view: View, now: datetime) -> Iterator[Gauge]:
    limits = live_for_s()
    statuses = [status for status in view.snapshot.providers if status.provider in limits]

    def gauge(name: str, about: str, value_of: ValueOf) -> Gauge:
        samples = [Sample({"provider": row.provider}, value_of(row)) for row in statuses]
        return Gauge(f"greenstream_provider_{name}", about, samples)

    known = {status.provider: status.state.value for status in statuses}
    yield Gauge(
        "greenstream_provider_state",
        "Whether this was the outcome of the provider's last run.",
        [
            Sample({"provider": provider, "state": state}, int(state == known.get(provider, NEVER)))
            for provider in limits
            for state in (*ProviderState, NEVER)
        ]
        if view.read_at is not None
        else [],
    )
    yield gauge(
        "late",
        "Whether the last run failed, or no run succeeded for as long as figures stay live.",
        lambda status: int(without_success(status, now)),
    )
    yield gauge(
        "newest_reading_age_seconds",
        "Time since the end of the newest interval that the provider reported.",
        lambda status: _age_s(status.newest_valid_to, now),
    )
    yield Gauge(
        "greenstream_provider_live_limit_seconds",
        "Age at which the first figures of the provider stop being live.",
        [Sample({"provider": provider}, limit) for provider, limit in limits.items()],
    )
    yield gauge(
        "last_run_timestamp_seconds",
        "When the provider last ran, in Unix time.",
        lambda status: status.last_run_at.timestamp(),
    )
    yield gauge(
        "last_success_timestamp_seconds",
        "When a run of the provider last succeeded, in Unix time.",
        lambda status: _timestamp_s(status.last_success_at),
    )
    yield gauge(
        "failing_since_timestamp_seconds",
        "When a run last succeeded, in Unix time; only while the provider fails or is late.",
        lambda status: (
            _timestamp_s(status.last_success_at) if without_success(status, now) else None
        ),
    )
    yield gauge(
        "stored_readings",
        "Number of readings that the last run stored.",
        lambda status: status.stored,
    )
    yield Gauge(
        "greenstream_provider_rejected_values",
        "Number of values that the last run refused, by reason.",
        [
            Sample({"provider": status.provider, "reason": reason}, count)
            for status in statuses
            for reason, count in status.rejected.items()
        ],
    )


def _zones(figures: list[ZoneCarbon]) -> Iterator[Gauge]:
    rungs = Counter(figure.rung for figure in figures)
    yield Gauge(
        "greenstream_zones",
        "Number of zones whose figure is on this rung.",
        [Sample({"rung": rung}, rungs[rung]) for rung in Rung],
    )
    yield Gauge(
        "greenstream_zone_intensity_gco2_kwh",
        "Newest figure of the zone in grams of CO2 per kWh, as its source says it.",
        [Sample(_counted(figure), _tenths(figure.origin.gco2_kwh)) for figure in figures],
    )
    yield Gauge(
        "greenstream_zone_expected_gco2_kwh",
        "Figure expected by now in grams of CO2 per kWh.",
        [Sample({"zone": row.zone}, _tenths(row.expected_gco2_kwh)) for row in figures],
    )
    yield Gauge(
        "greenstream_zone_adjusted_gco2_kwh",
        "Figure expected by now with the price of its age, in grams of CO2 per kWh.",
        [Sample({"zone": row.zone}, _tenths(row.adj_carbon_gco2_kwh)) for row in figures],
    )
    yield Gauge(
        "greenstream_zone_age_seconds",
        "Age of the reading behind the zone's figure; a usual value has none.",
        [
            Sample({"zone": row.zone}, None if row.age_s is None else round(row.age_s))
            for row in figures
        ],
    )
    yield Gauge(
        "greenstream_zone_disputed",
        "Is 1 where two live sources contradict each other about the zone.",
        [
            Sample(
                {
                    "zone": row.zone,
                    "stands": row.disputed.stands.provider,
                    "against": row.disputed.against.provider,
                },
                1,
            )
            for row in figures
            if row.disputed is not None
        ],
    )


def _pops(standings: Standings) -> Iterator[Gauge]:
    yield Gauge(
        "greenstream_pop_adjusted_gco2_kwh",
        "What the POP is ranked by, in grams of CO2 per kWh, by the policy's signal.",
        [
            Sample({"pop": name, "zone": figure.zone}, _tenths(figure.adj_carbon_gco2_kwh))
            for name, figure in zip(standings.names, standings.figures, strict=True)
        ],
    )


def _counted(figure: ZoneCarbon) -> dict[str, str]:
    """Return the labels of a figure: who said it, of what, and on which rung it stands."""
    origin = figure.origin
    return {
        "zone": figure.zone,
        "signal": origin.kind.signal if origin.kind else "",
        "basis": origin.kind.basis if origin.kind else "",
        "scope": origin.scope or "",
        "provider": origin.provider or "",
        "rung": figure.rung,
    }


def _age_s(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else round(age_s(moment, now))


def _timestamp_s(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
