"""Reads Electricity Maps' answers: the zones that a key may read, and a zone's latest intensity."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from greenstream.domain.errors import InvalidError, NoDataError, UnfitKeyError
from greenstream.domain.factor_sets import ELECTRICITYMAPS
from greenstream.domain.reading import Quality, Reading, check_gco2_kwh
from greenstream.domain.zones import Source

NAME: Final = "electricitymaps"
READS_LATEST: Final = frozenset({"*", "carbon-intensity/latest"})
"""A key may read a zone's latest intensity when ``access`` in /v3/zones has one of these rights."""

HOUR: Final = timedelta(hours=1)
SANDBOX: Final = "sandbox"


def open_zones(answer: object) -> frozenset[str]:
    """Return the zones whose latest intensity the key may read, from the answer of ``/v3/zones``.

    A zone without a list of rights is included, since its own answer will say whether it is open.

    Raises
    ------
    InvalidError
        ``malformed``.
    """
    if not isinstance(answer, dict) or not all(isinstance(row, dict) for row in answer.values()):
        raise _invalid("/v3/zones is not an object of zones", "malformed")
    return frozenset(
        zone
        for zone, row in answer.items()
        if not isinstance(row.get("access"), list)
        or any(right in READS_LATEST for right in map(str, row["access"]))
    )


def is_the_apis_own(body: bytes) -> bool:
    """Return whether a refusal comes from the API itself, which gives the reason in ``error``.

    The gateway before the API refuses a path or a key that it does not know, and gives the reason
    in ``message``.
    """
    answer: object = None
    with suppress(ValueError, RecursionError):
        answer = json.loads(body)
    return isinstance(answer, dict) and bool(answer.get("error"))


def reading_of(
    answer: object, zone: str, source: Source, *, fetched_at: datetime, simulated: bool
) -> Reading:
    """Return the reading in an answer of ``/v3/carbon-intensity/latest``.

    Parameters
    ----------
    answer
        The parsed JSON.
    zone
        Our zone that the reading is for.
    source
        What was asked for; the answer must agree with it.
    fetched_at
        When the answer came, UTC.
    simulated
        Whether a simulator gave the answer.

    Raises
    ------
    UnfitKeyError
        ``sandbox``: the figures are made up.
    InvalidError
        ``malformed``, ``wrong_zone``, ``wrong_basis``, ``wrong_granularity``, ``wrong_scope``,
        or any reason of `Reading`.
    NoDataError
        When the answer says that there is no value.
    """
    if not isinstance(answer, dict):
        raise _invalid(f"the answer is {type(answer).__name__}, not an object", "malformed", zone)
    if answer.get("status") == "no-data":
        raise NoDataError("the status is no-data", provider=NAME, zone=zone)
    if _is_made_up(answer):
        raise UnfitKeyError(
            "ELECTRICITYMAPS_TOKEN is the key of a sandbox, whose figures are made up: set the key"
            " of a plan",
            reason="sandbox",
            provider=NAME,
            zone=zone,
        )
    # Older versions of the API do not state these two members.
    stated: dict[str, object] = {"temporalGranularity": "hourly", "flowTraced": True, **answer}
    expected: tuple[tuple[str, object, str], ...] = (
        ("zone", source.provider_zone, "wrong_zone"),
        ("emissionFactorType", str(source.bases[0]), "wrong_basis"),
        ("temporalGranularity", "hourly", "wrong_granularity"),
        ("flowTraced", True, "wrong_scope"),
    )
    for key, wanted, reason in expected:
        if stated.get(key) != wanted:
            raise _invalid(f"{key} is {stated.get(key)!r:.60}, not {wanted}", reason, zone)
    if "carbonIntensity" not in answer:
        raise _invalid("the answer has no carbonIntensity", "malformed", zone)
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
        factor_set=ELECTRICITYMAPS,
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


def _is_made_up(answer: Mapping[str, object]) -> bool:
    """Return whether an answer says that it comes from a sandbox (``SANDBOX_MODE_DATA``)."""
    return any(SANDBOX in f"{key} {value}".casefold() for key, value in answer.items() if value)


def _hour_at(text: object, zone: str) -> tuple[datetime, datetime]:
    """Return the instant that a text names and the instant an hour later, both UTC."""
    with suppress(ValueError, OverflowError):  # OverflowError comes at the end of the calendar.
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is not None and moment.tzinfo is not None:
            instant = moment.astimezone(UTC)
            return instant, instant + HOUR
    raise _invalid(f"the time {text!r:.60} is not ISO 8601 with an offset", "malformed", zone)


def _invalid(what: str, reason: str, zone: str | None = None) -> InvalidError:
    return InvalidError(what, reason=reason, provider=NAME, zone=zone)
