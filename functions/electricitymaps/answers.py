"""Reads Electricity Maps' answers: the zones that a key opens, and a zone's latest intensity."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.reading import Quality, Reading, check_gco2_kwh
from greenstream.domain.zones import Source

NAME: Final = "electricitymaps"
READS_LATEST: Final = frozenset({"*", "carbon-intensity/latest"})
"""What a zone's ``access`` in /v3/zones must hold, one of the two."""

HOUR: Final = timedelta(hours=1)


def open_zones(answer: object) -> frozenset[str]:
    """Read ``/v3/zones``: the zones whose latest intensity the key may read.

    Raises
    ------
    InvalidError
        ``malformed``.
    """
    if not isinstance(answer, dict) or not all(isinstance(row, dict) for row in answer.values()):
        raise _invalid("/v3/zones is not an object of zones", "malformed")
    # Without a list of rights the zone is tried: its own answer tells.
    return frozenset(
        zone
        for zone, row in answer.items()
        if not isinstance(row.get("access"), list)
        or any(right in READS_LATEST for right in map(str, row["access"]))
    )


def reading_of(
    answer: object, zone: str, source: Source, *, fetched_at: datetime, simulated: bool
) -> Reading:
    """Make a reading of an answer, held to what was asked.

    Raises
    ------
    InvalidError
        ``malformed``, ``wrong_zone``, ``wrong_basis``, ``wrong_granularity``, ``wrong_scope``,
        and what `Reading` refuses.
    NoDataError
        When the provider says that it has no value.
    """
    if not isinstance(answer, dict):
        raise _invalid(f"the answer is {type(answer).__name__}, not an object", "malformed", zone)
    if answer.get("status") == "no-data":
        raise NoDataError("status no-data", provider=NAME, zone=zone)
    said: dict[str, object] = {"temporalGranularity": "hourly", "flowTraced": True}
    said |= answer  # these two are said by the newer versions only
    held: tuple[tuple[str, object, str], ...] = (
        ("zone", source.provider_zone, "wrong_zone"),
        ("emissionFactorType", str(source.bases[0]), "wrong_basis"),
        ("temporalGranularity", "hourly", "wrong_granularity"),
        ("flowTraced", True, "wrong_scope"),
    )
    for key, wanted, reason in held:
        if said.get(key) != wanted:
            raise _invalid(f"{key} is {said.get(key)!r:.60}, not {wanted}", reason, zone)
    if "carbonIntensity" not in answer:
        raise _invalid("no carbonIntensity", "malformed", zone)
    if answer["carbonIntensity"] is None:
        raise NoDataError("carbonIntensity is null", provider=NAME, zone=zone)
    gco2_kwh = check_gco2_kwh(answer["carbonIntensity"], provider=NAME, zone=zone)
    valid_from, valid_to = _hour_at(answer.get("datetime"), zone)
    updated_at = answer.get("updatedAt")
    return Reading(
        zone=zone,
        provider=NAME,
        provider_zone=source.provider_zone,
        signal=source.signal,
        basis=source.bases[0],
        scope=source.scope,
        quality=Quality.MEASURED if answer.get("isEstimated") is False else Quality.ESTIMATED,
        gco2_kwh=gco2_kwh,
        gco2_low=gco2_kwh,
        gco2_high=gco2_kwh,
        valid_from=valid_from,
        valid_to=valid_to,
        published_at=None if updated_at is None else _hour_at(updated_at, zone)[0],
        fetched_at=fetched_at,
        simulated=simulated,
        detail={"estimation_method": f"{answer.get('estimationMethod')!s:.60}"},
    )


def _hour_at(text: object, zone: str) -> tuple[datetime, datetime]:
    """Return the instant that a stamp names, and an hour later."""
    with suppress(ValueError, OverflowError):  # the latter where the calendar ends
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is not None and moment.tzinfo is not None:
            instant = moment.astimezone(UTC)
            return instant, instant + HOUR
    raise _invalid(f"time {text!r:.60} is not ISO 8601 with an offset", "malformed", zone)


def _invalid(what: str, reason: str, zone: str | None = None) -> InvalidError:
    return InvalidError(what, reason=reason, provider=NAME, zone=zone)
