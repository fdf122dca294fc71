"""The answer of ``/v1/health`` as a JSON object."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache

from greenstream.api.rendering import Json, degraded_reason, freshness, utc
from greenstream.api.view import View
from greenstream.domain.freshness import age_s
from greenstream.domain.ladder import counts_of
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState, ProviderStatus


def health(view: View, now: datetime) -> Json:
    """Return whether answers are as good as usual: the store, the providers and the figures.

    A provider without its secret is no failure. Sources that contradict each other are named.
    ``simulated`` is null where nothing is known. The figures are those of every zone that has a
    source of its own: the fallback alone opens as many zones as a key allows.
    """
    readings = view.snapshot.readings
    carbon_of = view.carbon_at(now, view.policy, None)
    figures = [carbon_of(zone.zone) for zone in zones().values() if zone.own_sources]
    counts = counts_of(Counter([figure.rung for figure in figures]))
    disputes = dict.fromkeys(figure.disputed.text for figure in figures if figure.disputed)
    reasons = [degraded_reason(view, counts), *_without_success(view, now), *disputes]
    reason = "; ".join(filter(None, reasons)) or None
    # A reading whose interval had not ended when it was fetched counts up to its fetch: the end of
    # a forecast in the future would hide that every provider has stopped.
    newest = max((min(reading.valid_to, reading.fetched_at) for reading in readings), default=None)
    return {
        "status": "ok" if reason is None else "degraded",
        "as_of": utc(now),
        "simulated": view.simulated,
        "degraded_reason": reason,
        **freshness(counts),
        "readings": len(readings),
        "newest_valid_to": utc(newest),
        "newest_age_s": None if newest is None else round(age_s(newest, now)),
    }


def _without_success(view: View, now: datetime) -> Iterator[str]:
    """Yield which providers' last runs failed, or came so long ago that none may run any more."""
    if view.read_at is not None and not view.snapshot.providers:
        yield "no provider has reported a run"
    for status in view.snapshot.providers:
        if without_success(status, now):
            last = status.last_success_at
            since = "" if last is None else f" since {utc(last)}"
            yield f"no run of {status.provider} has succeeded{since}"


def without_success(status: ProviderStatus, now: datetime) -> bool:
    """Return whether a provider's last run failed, or its last success is too long ago.

    It is too long ago where the provider's first figures have stopped being live since. A provider
    without its secret is not meant to succeed.
    """
    last = status.last_success_at
    late = last is not None and age_s(last, now) > live_for_s().get(status.provider, math.inf)
    return status.state is ProviderState.FAILED or (
        late and status.state is not ProviderState.UNCONFIGURED
    )


@cache
def live_for_s() -> Mapping[str, float]:
    """Return the age in seconds at which the first figures of each provider stop being live."""
    sources = [source for zone in zones().values() for source in zone.sources]
    return {
        provider: min(source.max_age_s for source in sources if source.provider == provider)
        for provider in sorted({source.provider for source in sources})
    }
