"""How the domain's values look as table items, and back.

Instants are epoch seconds, except in a sort key: ISO 8601 of one width, which sorts as it reads.
What equals its default is left out, since every byte of ``CURRENT`` is read again and again.
Figures keep three decimals, coverage four. Decoding raises one of `NOT_OURS` on any other shape.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from greenstream.domain.errors import GreenStreamError
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
from greenstream.domain.roundtrips import LIFE as LATENCY_LIFE
from greenstream.domain.roundtrips import MAX_RTT_MS, MIN_RTT_MS, MeasuredRtt
from greenstream.ports.store import ProviderState, ProviderStatus

Item = dict[str, Any]
"""An item as the low-level client has it: ``{"gco2_kwh": {"N": "1.5"}}``."""

SCHEMA: Final = {"schema": {"N": "1"}}
"""Version of the items' shape: a reader names what it does not know instead of guessing.

It changes only when a reader of the version before would misread (ADR 0014): an attribute that
may be missing needs no new version, since readers pass over what they do not know.
"""

MAX_EARLIER: Final = 24
"""Superseded versions kept of one interval: two hours of a source that says something else at
every poll. An item must stay small, and what changed so often was never known for long."""

HISTORY_LIFE: Final = timedelta(days=30)
FORECAST_LIFE: Final = timedelta(days=3)
"""How long items outlive the interval they speak of, by the table's time to live."""

MAX_ERROR_CHARS: Final = 300
"""Kept of an error's text, since it is read with every snapshot."""

NOT_OURS: Final = (
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    OSError,
    GreenStreamError,
)
"""What decoding an item of any shape may raise; `GreenStreamError` from the domain's checks."""

HOUR_NAMES: Final = {hour: f"h{hour:02d}" for hour in range(24)}


FIGURES: Final = (
    "schema",
    "valid_from",
    "valid_to",
    "provider_zone",
    "scope",
    "quality",
    "gco2_kwh",
    "gco2_low",
    "gco2_high",
    "coverage",
    "simulated",
)
"""What a version of a reading says; the rest of its attributes is about its coming."""

OPTIONAL: Final = ("gco2_low", "gco2_high", "coverage", "simulated", "fetched_at")
"""What a reading's item may lack."""

VERSION: Final = (*FIGURES, "revision", "fetched_at", "known_at")


class SchemaError(ValueError):
    """An item of another schema version, which the message names."""


def number(value: float, decimals: int = 3) -> Item:
    """Return a figure as an attribute."""
    text = f"{value:.{decimals}f}"
    return {"N": text.rstrip("0").rstrip(".") if "." in text else text}


def epoch(moment: datetime) -> Item:
    """Return an instant as an attribute, exact to the microsecond."""
    return number(moment.timestamp(), 6)


def expiry(moment: datetime) -> Item:
    """Return an instant as the table's time to live wants it."""
    return number(moment.timestamp(), 0)


def moment(attribute: Mapping[str, str]) -> datetime:
    """Return the instant of an attribute."""
    return datetime.fromtimestamp(float(attribute["N"]), tz=UTC)


def iso(instant: datetime) -> str:
    """Return an instant as a sort key, to the second."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def kind_key(prefix: str, kind: Kind) -> str:
    """Return ``prefix#signal#basis``."""
    return f"{prefix}#{kind.signal}#{kind.basis}"


def source_key(zone: str, provider: str, kind: Kind) -> str:
    """Return ``zone#provider#signal#basis``."""
    return kind_key(f"{zone}#{provider}", kind)


def from_reading(reading: Reading) -> Item:
    """Return a reading's attributes without its key, which says the rest, and without detail.

    ``revision`` is ``published_at``, or ``fetched_at`` where the provider gives none; the latter
    is repeated only beside the former.
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
    for name in ("gco2_low", "gco2_high"):
        if (bound := number(getattr(reading, name))) != item["gco2_kwh"]:
            item[name] = bound
    if reading.published_at is not None:
        item["fetched_at"] = epoch(reading.fetched_at)
    if (coverage := number(reading.coverage, 4)) != {"N": "1"}:
        item["coverage"] = coverage
    if reading.simulated:
        item["simulated"] = {"BOOL": True}
    return item


def same_figures(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two items of a reading differ in their revision alone."""
    return all(one.get(name) == other.get(name) for name in FIGURES)


def earlier_versions(superseded: Mapping[str, Any]) -> Item:
    """Return the attribute that keeps what an item of the history said until now."""
    kept = superseded.get("earlier", {}).get("L", [])
    version = {name: superseded[name] for name in VERSION if name in superseded}
    return {"earlier": {"L": [*kept[1 - MAX_EARLIER :], {"M": version}]}}


def to_versions(item: Mapping[str, Any], zone: str, provider: str, kind: Kind) -> Iterator[Reading]:
    """Yield what an item of the history has said, oldest first.

    ``fetched_at`` is when each version's figures first came: they may have come again since.
    """
    for version in (*(entry["M"] for entry in item.get("earlier", {}).get("L", ())), item):
        reading = to_reading(version, zone, provider, kind)
        known_at = moment(version["known_at"]) if "known_at" in version else reading.fetched_at
        yield replace(reading, fetched_at=known_at)


def to_reading(item: Mapping[str, Any], zone: str, provider: str, kind: Kind) -> Reading:
    """Return the reading of an item."""
    _check_schema(item)
    value = item["gco2_kwh"]
    revision = moment(item["revision"])
    published = "fetched_at" in item
    return Reading(
        zone=zone,
        provider=provider,
        provider_zone=item["provider_zone"]["S"],
        signal=kind.signal,
        basis=kind.basis,
        scope=Scope(item["scope"]["S"]),
        quality=Quality(item["quality"]["S"]),
        gco2_kwh=float(value["N"]),
        gco2_low=float(item.get("gco2_low", value)["N"]),
        gco2_high=float(item.get("gco2_high", value)["N"]),
        valid_from=moment(item["valid_from"]),
        valid_to=moment(item["valid_to"]),
        published_at=revision if published else None,
        fetched_at=moment(item["fetched_at"]) if published else revision,
        coverage=float(item["coverage"]["N"]) if "coverage" in item else 1.0,
        simulated=_flag(item),
        detail=json.loads(item["detail"]["S"]) if "detail" in item else {},
    )


def from_forecast(forecast: Forecast) -> Item:
    """Return a forecast's attributes without its key."""
    return SCHEMA | {
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


def to_forecast(item: Mapping[str, Any], zone: str) -> Forecast:
    """Return the forecast of an item."""
    _check_schema(item)
    provider, signal, basis = item["sk"]["S"].split("#")
    points = []
    for point in item["points"]["L"]:
        valid_from, valid_to, gco2_kwh = point["L"]
        points.append(ForecastPoint(moment(valid_from), moment(valid_to), float(gco2_kwh["N"])))
    return Forecast(
        zone=zone,
        provider=provider,
        provider_zone=item["provider_zone"]["S"],
        signal=Signal(signal),
        basis=Basis(basis),
        scope=Scope(item["scope"]["S"]),
        issued_at=moment(item["issued_at"]),
        points=tuple(points),
        simulated=_flag(item),
    )


def from_status(status: ProviderStatus) -> tuple[Item, Item, Item]:
    """Return the attributes of the run, of its success and of its error; the latter if any."""
    run: Item = SCHEMA | {
        "state": {"S": str(status.state)},
        "last_run_at": epoch(status.last_run_at),
        "stored": {"N": str(status.stored)},
        "rejected": {"M": {why: {"N": str(count)} for why, count in status.rejected.items()}},
        "unconfigured_zones": {"L": [{"S": zone} for zone in status.unconfigured_zones]},
        "simulated": {"BOOL": status.simulated},
    }
    success = {
        name: epoch(instant)
        for name in ("last_success_at", "newest_valid_to")
        if (instant := getattr(status, name)) is not None
    }
    error: Item = {}
    if status.last_error_at is not None:
        error["last_error_at"] = epoch(status.last_error_at)
    for name in ("last_error", "last_error_kind"):
        if (text := getattr(status, name)) is not None:
            error[name] = {"S": text[:MAX_ERROR_CHARS]}
    return run, success, error


def from_hour(mean: HourMean, profile: HourProfile) -> Item:
    """Return one hour of a profile: value, instant, whether simulated, and spread if known."""
    spread = [] if mean.spread_gco2_kwh is None else [number(mean.spread_gco2_kwh)]
    about = [number(mean.gco2_kwh), epoch(mean.computed_at), {"BOOL": profile.simulated}]
    return {"L": about + spread}


def to_current(
    item: Mapping[str, Any],
) -> Reading | ProviderStatus | HourProfile | Policy:
    """Return what an item of the partition ``CURRENT`` holds."""
    _check_schema(item)
    name, *rest = item["sk"]["S"].split("#")
    match name, rest:
        case "READING", [zone, provider, signal, basis]:
            return to_reading(item, zone, provider, Kind(Signal(signal), Basis(basis)))
        case "PROVIDER", [provider]:
            return _to_status(item, provider)
        case "PROFILE", [zone, provider, signal, basis]:
            return _to_profile(item, zone, provider, Kind(Signal(signal), Basis(basis)))
        case "POLICY", []:
            return to_policy(item)
    raise ValueError(f"no item of ours: {name}")


def from_latency(measured: MeasuredRtt) -> Item:
    """Return a measured round trip's attributes without its key.

    The votes are one text, since a list of numbers costs four times as long to parse.
    """
    return SCHEMA | {
        "votes_ms": {"S": " ".join(f"{vote:.1f}" for vote in measured.votes_ms)},
        "samples": {"N": str(measured.samples)},
        "updated_at": epoch(measured.updated_at),
        "expires_at": expiry(measured.updated_at + LATENCY_LIFE),
    }


def to_latency(item: Mapping[str, Any]) -> MeasuredRtt:
    """Return the measured round trip of an item."""
    _check_schema(item)
    colo, pop = item["sk"]["S"].split("#")
    votes_ms = tuple(map(float, item["votes_ms"]["S"].split()))
    if not votes_ms or not all(MIN_RTT_MS <= vote <= MAX_RTT_MS for vote in votes_ms):
        raise ValueError(f"votes {votes_ms}")
    return MeasuredRtt(
        colo=colo,
        pop=pop,
        votes_ms=votes_ms,
        samples=int(item["samples"]["N"]),
        updated_at=moment(item["updated_at"]),
    )


def is_newer(item: Mapping[str, Any]) -> bool:
    """Return whether newer code wrote the item, which is then not this code's to change."""
    version = item.get("schema", {}).get("N")
    return version is not None and float(version) > float(SCHEMA["schema"]["N"])


def _check_schema(item: Mapping[str, Any]) -> None:
    if item["schema"] != SCHEMA["schema"]:
        [version] = item["schema"].values()
        raise SchemaError(f"schema {version!s:.20}")


def _flag(item: Mapping[str, Any]) -> bool:
    return bool(item["simulated"]["BOOL"]) if "simulated" in item else False


def _to_status(item: Mapping[str, Any], provider: str) -> ProviderStatus:
    def instant(name: str) -> datetime | None:
        return moment(item[name]) if name in item else None

    def text(name: str) -> str | None:
        return str(item[name]["S"]) if name in item else None

    return ProviderStatus(
        provider=provider,
        state=ProviderState(item["state"]["S"]),
        last_run_at=moment(item["last_run_at"]),
        last_success_at=instant("last_success_at"),
        newest_valid_to=instant("newest_valid_to"),
        last_error=text("last_error"),
        last_error_kind=text("last_error_kind"),
        last_error_at=instant("last_error_at"),
        stored=int(item["stored"]["N"]),
        rejected={why: int(count["N"]) for why, count in item["rejected"]["M"].items()},
        unconfigured_zones=tuple(zone["S"] for zone in item["unconfigured_zones"]["L"]),
        simulated=_flag(item),
    )


def _to_profile(item: Mapping[str, Any], zone: str, provider: str, kind: Kind) -> HourProfile:
    hours = {}
    simulated = False
    for hour, name in HOUR_NAMES.items():
        if name in item:
            gco2_kwh, computed_at, of_simulator, *spread = item[name]["L"]
            hours[hour] = HourMean(
                float(gco2_kwh["N"]),
                moment(computed_at),
                float(spread[0]["N"]) if spread else None,
            )
            simulated = simulated or bool(of_simulator["BOOL"])
    return HourProfile(
        zone=zone,
        kind=kind,
        scope=Scope(item["scope"]["S"]),
        provider=provider,
        hours=hours,
        simulated=simulated,
    )


def from_policy(policy: Policy) -> Item:
    """Return a policy's attributes without its key; what equals its default is written too.

    A default may change with the code, a policy that was judged may not.
    """
    item: Item = SCHEMA | {
        "capacity": {"M": {pop: number(weight) for pop, weight in policy.capacity.items()}}
    }
    for part in fields(Policy):
        value = getattr(policy, part.name)
        if isinstance(value, str):
            item[part.name] = {"S": str(value)}
        elif part.name != "capacity":
            item[part.name] = number(value, 6)
    return item


def to_policy(item: Mapping[str, Any]) -> Policy:
    """Return the policy of an item; what it does not say is as by default."""
    _check_schema(item)
    stated: dict[str, Any] = {
        part.name: part.type(item[part.name]["N"])
        for part in fields(Policy)
        if part.name in item and part.type in (float, int)
    }
    for name, names in (("ranking_signal", RankingSignal), ("freshness_model", FreshnessModel)):
        if name in item:
            stated[name] = names(item[name]["S"])
    if "capacity" in item:
        weights = item["capacity"]["M"].items()
        stated["capacity"] = {pop: float(weight["N"]) for pop, weight in weights}
    return Policy(version=item["version"]["S"], **stated)
