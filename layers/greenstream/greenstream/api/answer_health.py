"""The answer of ``/v1/health`` as a JSON object."""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from greenstream.api.rendering import utc
from greenstream.api.view import View
from greenstream.domain.freshness import age_s
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState

Json = dict[str, Any]


def health(view: View, now: datetime) -> Json:
    """Return how the store and the providers fare.

    A provider without its secret is no failure. ``simulated`` is null where nothing is known.
    """
    readings = view.snapshot.readings
    reason = "; ".join(filter(None, [view.degraded_reason, *_without_success(view, now)])) or None
    # An interval that was not over when it was fetched is known up to then: a forecast's end in
    # the future would hide that all has stopped.
    newest = max((min(each.valid_to, each.fetched_at) for each in readings), default=None)
    return {
        "status": "ok" if reason is None else "degraded",
        "as_of": utc(now),
        "simulated": view.simulated,
        "degraded_reason": reason,
        "readings": len(readings),
        "newest_valid_to": utc(newest),
        "newest_age_s": None if newest is None else round(age_s(newest, now)),
    }


def _without_success(view: View, now: datetime) -> Iterator[str]:
    """Say which providers' last runs failed, or came so long ago that none may run any more."""
    if view.read_at is not None and not view.snapshot.providers:
        yield "no provider has told of a run"
    for status in view.snapshot.providers:
        last = status.last_success_at
        late = last is not None and age_s(last, now) > _live_for_s().get(status.provider, math.inf)
        if status.state is ProviderState.FAILED or (
            late and status.state is not ProviderState.UNCONFIGURED
        ):
            since = "" if last is None else f" since {utc(last)}"
            yield f"no run of {status.provider} has succeeded{since}"


@cache
def _live_for_s() -> Mapping[str, float]:
    """Return after which age, s, each provider's first figures are live no longer."""
    sources = [source for zone in zones().values() for source in zone.sources]
    return {
        provider: min(each.max_age_s for each in sources if each.provider == provider)
        for provider in {each.provider for each in sources}
    }
