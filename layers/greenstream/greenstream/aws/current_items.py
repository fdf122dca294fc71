"""The items of the partition ``CURRENT``: newest readings, provider statuses, profiles, the policy.

The router reads this partition for its decisions, so its items are kept small.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from greenstream.aws.attributes import Item, epoch, number, to_instant
from greenstream.aws.item_schema import SCHEMA, check_schema
from greenstream.aws.policy_items import decode_policy
from greenstream.aws.reading_items import decode_reading, is_simulated
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Basis, Kind, Reading, Scope, Signal
from greenstream.ports.store import ProviderState, ProviderStatus

CURRENT: Final[Item] = {"S": "CURRENT"}
"""The partition key."""

MAX_ERROR_CHARS: Final = 300
"""How many characters of an error's text a status keeps, since every snapshot reads it."""

HOUR_NAMES: Final = {hour: f"h{hour:02d}" for hour in range(24)}
"""The attribute that holds each hour of day of a profile."""


def encode_status(status: ProviderStatus) -> tuple[Item, Item, Item]:
    """Return the attributes of a run, of its last success and of its last error.

    Each of the last two is empty when the status has no success or no error. An error's text is
    cut at `MAX_ERROR_CHARS`.
    """
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


def encode_hour(mean: HourMean, profile: HourProfile) -> Item:
    """Return one hour of a profile as a list attribute.

    The list holds the mean in g/kWh, the instant of its computation, whether it is simulated, and,
    where they are known, the spread in g/kWh and the number of days behind it.
    """
    row = [number(mean.gco2_kwh), epoch(mean.computed_at), {"BOOL": profile.simulated}]
    if mean.spread_gco2_kwh is not None:
        row.append(number(mean.spread_gco2_kwh))
        if mean.days is not None:
            row.append(number(mean.days, 0))
    return {"L": row}


def decode_current(
    item: Mapping[str, Any],
) -> Reading | ProviderStatus | HourProfile | Policy:
    """Return the value that an item of the partition ``CURRENT`` holds.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged or its sort
        key is unknown.
    """
    check_schema(item)
    name, *rest = item["sk"]["S"].split("#")
    match name, rest:
        case "READING", [zone, provider, signal, basis]:
            return decode_reading(item, zone, provider, Kind(Signal(signal), Basis(basis)))
        case "PROVIDER", [provider]:
            return _decode_status(item, provider)
        case "PROFILE", [zone, provider, signal, basis]:
            return _decode_profile(item, zone, provider, Kind(Signal(signal), Basis(basis)))
        case "POLICY", []:
            return decode_policy(item)
    raise ValueError(f"the partition CURRENT has no items of the name {name}")


def _decode_status(item: Mapping[str, Any], provider: str) -> ProviderStatus:
    def instant(name: str) -> datetime | None:
        return to_instant(item[name]) if name in item else None

    def text(name: str) -> str | None:
        return str(item[name]["S"]) if name in item else None

    return ProviderStatus(
        provider=provider,
        state=ProviderState(item["state"]["S"]),
        last_run_at=to_instant(item["last_run_at"]),
        last_success_at=instant("last_success_at"),
        newest_valid_to=instant("newest_valid_to"),
        last_error=text("last_error"),
        last_error_kind=text("last_error_kind"),
        last_error_at=instant("last_error_at"),
        stored=int(item["stored"]["N"]),
        rejected={why: int(count["N"]) for why, count in item["rejected"]["M"].items()},
        unconfigured_zones=tuple(zone["S"] for zone in item["unconfigured_zones"]["L"]),
        simulated=is_simulated(item),
    )


def _decode_profile(item: Mapping[str, Any], zone: str, provider: str, kind: Kind) -> HourProfile:
    hours = {}
    simulated = False
    for hour, name in HOUR_NAMES.items():
        if name in item:
            gco2_kwh, computed_at, of_simulator, *known = item[name]["L"]
            hours[hour] = HourMean(
                float(gco2_kwh["N"]),
                to_instant(computed_at),
                float(known[0]["N"]) if known else None,
                int(known[1]["N"]) if known[1:] else None,
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
