"""WattTime's JSON, held to what was asked: a login's token, an account's regions, a MOER series.

Nothing here knows HTTP, readings or the time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Final

from greenstream.domain.errors import InvalidError

NAME: Final = "watttime"
SIGNAL_TYPE: Final = "co2_moer"
UNITS: Final = "lbs_co2_per_mwh"
MAX_WARNINGS: Final = 10
PERIODS_S: Final = range(60, 3601)

Endpoints = Mapping[str, frozenset[str]]
"""What an account may ask for, by region."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a MOER series: lb/MWh or what came instead, and what was said of it."""

    valid_from: datetime
    valid_to: datetime
    lb_mwh: object
    imputed: bool
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Series:
    """A checked answer: points by their start, oldest first."""

    points: tuple[Point, ...]
    generated_at: datetime | None
    warnings: tuple[str, ...]
    model: str | None


def token_of(body: bytes) -> str:
    """Read the login's answer; an error never quotes it, since it may hold a token.

    Raises
    ------
    InvalidError
        ``malformed``.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token or not all("!" <= letter <= "~" for letter in token):
        raise malformed(f"the login's answer ({len(body)} bytes) holds no usable token", None)
    return token


def endpoints_by_region(answer: object) -> Endpoints:
    """Read ``/v3/my-access``: the endpoints open to the account for the MOER of each region.

    Raises
    ------
    InvalidError
        ``malformed``.
    """
    try:
        return {
            region["region"]: frozenset(
                str(entry["endpoint"]).strip("/") for entry in region["endpoints"]
            )
            for signal in answer["signal_types"]  # type: ignore[index]
            if signal["signal_type"] == SIGNAL_TYPE
            for region in signal["regions"]
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise malformed(f"/v3/my-access has another shape ({error!r:.80})", None) from error


def series_of(answer: object, zone: str, region: str) -> Series:
    """Read an answer of ``/v3/historical`` or ``/v3/forecast`` and hold it to what was asked.

    Raises
    ------
    InvalidError
        ``wrong_unit``, ``wrong_zone``, ``wrong_signal``, ``malformed``.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise malformed("no list of data", zone)
    meta = answer.get("meta")
    if not isinstance(meta, dict):
        raise malformed("no meta", zone)
    for key, wanted, reason in (
        ("units", UNITS, "wrong_unit"),
        ("region", region, "wrong_zone"),
        ("signal_type", SIGNAL_TYPE, "wrong_signal"),
    ):
        if meta.get(key) != wanted:
            raise InvalidError(
                f"meta.{key} is {meta.get(key)!r:.60}, not {wanted}",
                reason=reason,
                provider=NAME,
                zone=zone,
            )
    period_s = meta.get("data_point_period_seconds")
    if not isinstance(period_s, int) or period_s not in PERIODS_S:
        raise malformed(f"data_point_period_seconds is {period_s!r:.60}", zone)
    return Series(
        points=_points(answer["data"], timedelta(seconds=period_s), zone),
        generated_at=_moment_or_none(meta.get("generated_at"), zone),
        warnings=_warnings(meta.get("warnings")),
        model=f"{meta['model'].get('date')!s:.40}" if isinstance(meta.get("model"), dict) else None,
    )


def malformed(what: str, zone: str | None) -> InvalidError:
    """Return the refusal of an answer of another shape than the API's."""
    return InvalidError(what, reason="malformed", provider=NAME, zone=zone)


def stamp(moment: datetime) -> str:
    """Write an instant as the API takes it, to the minute."""
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def _points(rows: Sequence[object], period: timedelta, zone: str) -> tuple[Point, ...]:
    found: dict[datetime, Point] = {}
    for row in rows:
        if not isinstance(row, dict) or "value" not in row:
            raise malformed(f"a point is {row!r:.80}", zone)
        start = _moment(row.get("point_time"), zone)
        point = Point(
            valid_from=start,
            valid_to=start + period,
            lb_mwh=row["value"],
            imputed=bool(row.get("imputed_data_used")),  # anything but a plain no
            updated_at=_moment_or_none(row.get("last_updated"), zone),
        )
        if found.setdefault(start, point) != point:
            raise malformed(f"two values for {stamp(start)}", zone)
    return tuple(found[start] for start in sorted(found))


def _warnings(entries: object) -> tuple[str, ...]:
    """Name each warning; what has no name is told as it came."""
    if not isinstance(entries, list):
        return () if entries is None else (f"{entries!r:.200}",)
    return tuple(
        f"{entry.get('type')}: {entry.get('message')}"[:300]
        if isinstance(entry, dict)
        else f"{entry!r:.200}"
        for entry in entries[:MAX_WARNINGS]
    )


def _moment(text: object, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    # Next to the ends of the calendar another time zone, or a period later, is out of it.
    if moment is None or moment.tzinfo is None or not MINYEAR < moment.year < MAXYEAR:
        raise malformed(f"time {text!r:.60} is no instant of ISO 8601 with an offset", zone)
    return moment.astimezone(UTC)


def _moment_or_none(text: object, zone: str) -> datetime | None:
    return None if text is None else _moment(text, zone)
