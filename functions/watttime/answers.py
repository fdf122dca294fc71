"""Reads WattTime's JSON: a login's token, an account's regions, a series of MOER values.

A series must agree with what was asked for.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Final

from greenstream.domain.errors import InvalidError

NAME: Final = "watttime"
SIGNAL_TYPE: Final = "co2_moer"
UNITS: Final = "lbs_co2_per_mwh"
MAX_WARNINGS: Final = 10
NO_VALUE: Final = object()
"""Stands where a series has no second value for a point; ``None`` may be a value."""

PERIODS_S: Final = range(60, 3601)
"""Lengths of a point, in seconds, that are accepted."""


Endpoints = Mapping[str, frozenset[str]]
"""The endpoints that an account may use, by region (``v3/historical``)."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a MOER series.

    Parameters
    ----------
    valid_from, valid_to
        Start and end, UTC.
    lb_mwh
        The value in lb/MWh, unchecked.
    imputed
        Whether WattTime filled the value in.
    updated_at
        When WattTime last changed the value, UTC.
    contradicting
        Another value that the series has for the same point, unchecked. Neither can be used then.
    """

    valid_from: datetime
    valid_to: datetime
    lb_mwh: object
    imputed: bool
    updated_at: datetime | None
    contradicting: object = NO_VALUE


@dataclass(frozen=True, slots=True)
class Series:
    """A series of MOER values that agrees with what was asked for.

    Parameters
    ----------
    points
        Oldest first, one for each start.
    unreadable
        Why rows were left out that cannot be read.
    generated_at
        When a forecast was issued, UTC.
    warnings
        WattTime's warnings about the series, as text.
    model
        The date of WattTime's model.
    """

    points: tuple[Point, ...]
    unreadable: tuple[InvalidError, ...]
    generated_at: datetime | None
    warnings: tuple[str, ...]
    model: str | None


def token_of(body: bytes) -> str:
    """Return the token from the answer of ``/login``.

    No error quotes the answer, because it may contain a token.

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
        raise malformed(f"the answer of /login ({len(body)} bytes) has no usable token", None)
    return token


def endpoints_by_region(answer: object) -> Endpoints:
    """Return the endpoints that the account may use for the MOER of each region.

    Parameters
    ----------
    answer
        The parsed JSON of ``/v3/my-access``.

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
        raise malformed(
            f"the answer of /v3/my-access has an unknown shape ({error!r:.80})", None
        ) from error


def series_of(answer: object, zone: str, region: str) -> Series:
    """Return the series in an answer of ``/v3/historical`` or ``/v3/forecast``.

    Parameters
    ----------
    answer
        The parsed JSON.
    zone
        Our zone, named in errors.
    region
        WattTime's region that was asked for; the answer must name it.

    Raises
    ------
    InvalidError
        ``wrong_unit``, ``wrong_zone``, ``wrong_signal``, ``malformed``.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise malformed("the answer has no list of data", zone)
    meta = answer.get("meta")
    if not isinstance(meta, dict):
        raise malformed("the answer has no meta", zone)
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
    points, unreadable = _points(answer["data"], timedelta(seconds=period_s), zone)
    return Series(
        points=points,
        unreadable=unreadable,
        generated_at=_moment_or_none(meta.get("generated_at"), zone),
        warnings=_warnings(meta.get("warnings")),
        model=f"{meta['model'].get('date')!s:.40}" if isinstance(meta.get("model"), dict) else None,
    )


def malformed(what: str, zone: str | None) -> InvalidError:
    """Return the error for an answer whose shape is not the API's."""
    return InvalidError(what, reason="malformed", provider=NAME, zone=zone)


def stamp(moment: datetime) -> str:
    """Return an instant as the API expects it, to the minute."""
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def _points(
    rows: Sequence[object], period: timedelta, zone: str
) -> tuple[tuple[Point, ...], tuple[InvalidError, ...]]:
    """Return the points, the oldest first, and an error for each row that cannot be read.

    Rows with the same value for one point are one point, in whatever order they come.
    """
    points: dict[datetime, Point] = {}
    unreadable: list[InvalidError] = []
    for row in rows:
        try:
            point = _point(row, period, zone)
        except InvalidError as error:
            unreadable.append(error)
            continue
        known = points.setdefault(point.valid_from, point)
        if known is point:
            continue
        if known.lb_mwh != point.lb_mwh:
            points[point.valid_from] = replace(known, contradicting=point.lb_mwh)
            continue
        points[point.valid_from] = replace(
            known,
            imputed=known.imputed or point.imputed,
            updated_at=max(filter(None, (known.updated_at, point.updated_at)), default=None),
        )
    return tuple(points[start] for start in sorted(points)), tuple(unreadable)


def _point(row: object, period: timedelta, zone: str) -> Point:
    if not isinstance(row, dict) or "value" not in row:
        raise malformed(f"a point has no value: {row!r:.80}", zone)
    start = _moment(row.get("point_time"), zone)
    return Point(
        valid_from=start,
        valid_to=start + period,
        lb_mwh=row["value"],
        imputed=bool(row.get("imputed_data_used")),  # Only a plain "no" counts as no.
        updated_at=_moment_or_none(row.get("last_updated"), zone),
    )


def _warnings(entries: object) -> tuple[str, ...]:
    """Return each warning as "type: message", or as it came when it has another shape."""
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
    # In the first and last year, a change of time zone or a period later may leave the calendar.
    if moment is None or moment.tzinfo is None or not MINYEAR < moment.year < MAXYEAR:
        raise malformed(f"the time {text!r:.60} is not ISO 8601 with an offset", zone)
    return moment.astimezone(UTC)


def _moment_or_none(text: object, zone: str) -> datetime | None:
    return None if text is None else _moment(text, zone)
