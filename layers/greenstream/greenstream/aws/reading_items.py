"""Readings, their earlier versions, and forecasts as table items.

What equals its default is left out of a reading's item. Figures keep three decimals, and coverage
keeps four.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from greenstream.aws.attributes import Item, epoch, expiry, number, to_instant
from greenstream.aws.item_schema import SCHEMA, check_schema
from greenstream.domain.factor_sets import usual_factor_set
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

MAX_EARLIER: Final = 24
"""How many superseded versions of one interval are kept.

This is two hours of a source that reports another figure at every poll. An item must stay small,
and figures that change so often were never known for long.
"""

FORECAST_LIFE: Final = timedelta(days=3)
"""How long a forecast's item outlives the last interval of the forecast, by the time to live."""

FIGURES: Final = (
    "schema",
    "valid_from",
    "valid_to",
    "provider_zone",
    "scope",
    "factor_set",
    "quality",
    "gco2_kwh",
    "gco2_low",
    "gco2_high",
    "coverage",
    "simulated",
    "as_published_gco2_kwh",
)
"""The attributes of a reading that say what it states. The others say when it was published and
fetched."""

OPTIONAL: Final = (
    "factor_set",
    "gco2_low",
    "gco2_high",
    "coverage",
    "simulated",
    "fetched_at",
    "as_published_gco2_kwh",
)
"""The attributes that a reading's item may lack."""

VERSION: Final = (*FIGURES, "revision", "fetched_at", "known_at")
"""The attributes of a reading that are kept when a revision supersedes it."""


def encode_reading(reading: Reading) -> Item:
    """Return a reading's attributes without its key and without its detail.

    The key states the zone, the provider, the signal and the basis. ``revision`` is
    ``published_at``, or ``fetched_at`` where the provider publishes no such time. ``fetched_at``
    has an attribute of its own only in the first case.
    """
    item = SCHEMA | {
        "valid_from": epoch(reading.valid_from),
        "valid_to": epoch(reading.valid_to),
        "revision": epoch(reading.published_at or reading.fetched_at),
        "provider_zone": {"S": reading.provider_zone},
        "scope": {"S": str(reading.scope)},
        "quality": {"S": str(reading.quality)},
        "gco2_kwh": number(reading.gco2_kwh),
    }
    if reading.factor_set != usual_factor_set(reading.provider):
        item["factor_set"] = {"S": reading.factor_set}
    for name in ("gco2_low", "gco2_high"):
        if (bound := number(getattr(reading, name))) != item["gco2_kwh"]:
            item[name] = bound
    if reading.published_at is not None:
        item["fetched_at"] = epoch(reading.fetched_at)
    if (coverage := number(reading.coverage, 4)) != {"N": "1"}:
        item["coverage"] = coverage
    if reading.simulated:
        item["simulated"] = {"BOOL": True}
    if reading.as_published_gco2_kwh is not None:
        item["as_published_gco2_kwh"] = number(reading.as_published_gco2_kwh)
    return item


def earlier_versions(superseded: Mapping[str, Any]) -> Item:
    """Return the attribute ``earlier`` of the item that supersedes an item of the history.

    It holds the versions that the superseded item holds and that item's own figures, oldest
    first, at most `MAX_EARLIER` of them.
    """
    versions = superseded.get("earlier", {}).get("L", [])
    last = {name: superseded[name] for name in VERSION if name in superseded}
    return {"earlier": {"L": [*versions[1 - MAX_EARLIER :], {"M": last}]}}


def decode_versions(
    item: Mapping[str, Any], zone: str, provider: str, kind: Kind
) -> Iterator[Reading]:
    """Yield every version of an interval that an item of the history holds, oldest first.

    A version's ``fetched_at`` is the time when its figures were first fetched. The same figures
    may have been fetched again later.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged.
    """
    for version in (*(entry["M"] for entry in item.get("earlier", {}).get("L", ())), item):
        reading = decode_reading(version, zone, provider, kind)
        known_at = to_instant(version["known_at"]) if "known_at" in version else reading.fetched_at
        yield replace(reading, fetched_at=known_at)


def decode_reading(item: Mapping[str, Any], zone: str, provider: str, kind: Kind) -> Reading:
    """Return the reading of an item; its key states the zone, the provider and the kind.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged.
    """
    check_schema(item)
    value = item["gco2_kwh"]
    revision = to_instant(item["revision"])
    published = "fetched_at" in item
    return Reading(
        zone=zone,
        provider=provider,
        provider_zone=item["provider_zone"]["S"],
        signal=kind.signal,
        basis=kind.basis,
        scope=Scope(item["scope"]["S"]),
        factor_set=factor_set_of(item, provider),
        quality=Quality(item["quality"]["S"]),
        gco2_kwh=float(value["N"]),
        gco2_low=float(item.get("gco2_low", value)["N"]),
        gco2_high=float(item.get("gco2_high", value)["N"]),
        valid_from=to_instant(item["valid_from"]),
        valid_to=to_instant(item["valid_to"]),
        published_at=revision if published else None,
        fetched_at=to_instant(item["fetched_at"]) if published else revision,
        coverage=float(item["coverage"]["N"]) if "coverage" in item else 1.0,
        simulated=is_simulated(item),
        as_published_gco2_kwh=float(item["as_published_gco2_kwh"]["N"])
        if "as_published_gco2_kwh" in item
        else None,
        detail=json.loads(item["detail"]["S"]) if "detail" in item else {},
    )


def encode_forecast(forecast: Forecast) -> Item:
    """Return a forecast's attributes without its key.

    Each point is a list of its begin, its end and its g/kWh.
    """
    item = SCHEMA | {
        "issued_at": epoch(forecast.issued_at),
        "provider_zone": {"S": forecast.provider_zone},
        "scope": {"S": str(forecast.scope)},
        "simulated": {"BOOL": forecast.simulated},
        "points": {
            "L": [
                {"L": [epoch(point.valid_from), epoch(point.valid_to), number(point.gco2_kwh)]}
                for point in forecast.points
            ]
        },
        "expires_at": expiry(forecast.points[-1].valid_to + FORECAST_LIFE),
    }
    if forecast.factor_set != usual_factor_set(forecast.provider):
        item["factor_set"] = {"S": forecast.factor_set}
    return item


def decode_forecast(item: Mapping[str, Any], zone: str) -> Forecast:
    """Return the forecast of an item; its sort key states the provider and the kind.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged.
    """
    check_schema(item)
    provider, signal, basis = item["sk"]["S"].split("#")
    points = []
    for point in item["points"]["L"]:
        begin, end, gco2_kwh = point["L"]
        points.append(ForecastPoint(to_instant(begin), to_instant(end), float(gco2_kwh["N"])))
    return Forecast(
        zone=zone,
        provider=provider,
        provider_zone=item["provider_zone"]["S"],
        signal=Signal(signal),
        basis=Basis(basis),
        scope=Scope(item["scope"]["S"]),
        factor_set=factor_set_of(item, provider),
        issued_at=to_instant(item["issued_at"]),
        points=tuple(points),
        simulated=is_simulated(item),
    )


def factor_set_of(item: Mapping[str, Any], provider: str) -> str:
    """Return the item's factor set; an item without one has the usual one of its provider."""
    return str(item["factor_set"]["S"]) if "factor_set" in item else usual_factor_set(provider)


def is_simulated(item: Mapping[str, Any]) -> bool:
    """Return the item's flag ``simulated``; an item without it is not simulated."""
    return bool(item["simulated"]["BOOL"]) if "simulated" in item else False
