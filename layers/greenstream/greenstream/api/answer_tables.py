"""The answers of ``/v1/pops``, ``/v1/places``, ``/v1/providers`` and ``/v1/policy`` (JSON)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from greenstream.api.rendering import Json, head, utc
from greenstream.api.view import View
from greenstream.domain.freshness import age_s
from greenstream.domain.places import Pop, colos
from greenstream.domain.policy import Policy
from greenstream.ports.store import ProviderStatus


def pops(listed: Iterable[Pop]) -> Json:
    """Return the answer of ``/v1/pops``: the POPs with their places and zones."""
    return {"pops": [_place(pop) for pop in listed]}


def places(listed: Iterable[Pop]) -> Json:
    """Return the answer of ``/v1/places``: every place that a question may name."""
    return {
        "places": [
            {
                **_place(place),
                "kind": place.kind,
                "status": place.status,
                "colo": colo if (colo := place.pop.upper()) in colos() else None,
            }
            for place in listed
        ]
    }


def _place(pop: Pop) -> Json:
    return {
        "pop": pop.pop,
        "name": pop.name,
        "country": pop.country,
        "lat": pop.lat,
        "lon": pop.lon,
        "zones": [
            {
                "zone": entry.zone,
                "proxy_zone": entry.proxy,
                "proxy_reason": entry.proxy_reason or None,
            }
            for entry in pop.zones
        ],
        "source": pop.source,
    }


def providers(zones_by_provider: Mapping[str, Sequence[str]], view: View, now: datetime) -> Json:
    """Return the answer of ``/v1/providers``: the status of every provider in the zone table.

    Parameters
    ----------
    zones_by_provider
        The zones of each provider. A provider without a status has never run.
    view
        The view of the store.
    now
        The present, in UTC.
    """
    statuses = {status.provider: status for status in view.snapshot.providers}
    return {
        **head(view, now, simulated=any(status.simulated for status in statuses.values())),
        "providers": [
            {
                "provider": provider,
                **_status(statuses.get(provider), now),
                "zones": list(zones_by_provider[provider]),
            }
            for provider in zones_by_provider
        ],
    }


def _status(status: ProviderStatus | None, now: datetime) -> Json:
    if status is None:
        return {"state": "never_run"}
    newest = status.newest_valid_to
    return {
        "state": status.state,
        "last_run_at": utc(status.last_run_at),
        "last_success_at": utc(status.last_success_at),
        "last_error": None
        if status.last_error is None
        else {
            "kind": status.last_error_kind,
            "text": status.last_error,
            "at": utc(status.last_error_at),
        },
        "newest_valid_to": utc(newest),
        "age_s": None if newest is None else round(age_s(newest, now)),
        "stored": status.stored,
        "rejected": dict(status.rejected),
        "unconfigured_zones": list(status.unconfigured_zones),
        "simulated": status.simulated,
    }


def policy(view: View) -> Json:
    """Return the answer of ``/v1/policy``: the numbers in force, with units in their names."""
    numbers = view.policy
    return {
        "stored": view.snapshot.policy is not None,
        **{name: getattr(numbers, name) for name in Policy.__dataclass_fields__},
    }
