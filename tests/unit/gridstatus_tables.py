"""Tables as the gridstatus library returns them, and the provider on such tables."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from functions.gridstatus.feed import FuelMixFeed
from functions.gridstatus.provider import Gridstatus, wanted
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
)
from greenstream.domain.reading import Basis, Reading
from greenstream.ports.provider import Batch

NOW = datetime(2026, 3, 5, 18, 3, tzinfo=UTC)  # 13:03 in New York, 10:03 in California
LAST = NOW.replace(minute=0)
NYISO_MW = {
    "Dual Fuel": 4000.0,
    "Hydro": 2000.0,
    "Natural Gas": 3000.0,
    "Nuclear": 3200.0,
    "Other Fossil Fuels": 1.0,
    "Other Renewables": 250.0,
    "Wind": 500.0,
}
CAISO_MW = {
    "Solar": 9000.0,
    "Wind": 1000.0,
    "Geothermal": 800.0,
    "Nuclear": 2200.0,
    "Natural Gas": 3000.0,
    "Large Hydro": 1500.0,
    "Batteries": -2500.0,
    "Imports": 1500.0,
}
PJM_MW = {
    "Coal": 17000.0,
    "Gas": 45000.0,
    "Hydro": 2000.0,
    "Nuclear": 32000.0,
    "Oil": 300.0,
    "Other Renewables": 700.0,
    "Solar": 100.0,
    "Storage": 0.0,
    "Wind": 2500.0,
}

Mw = Mapping[str, float | str]


def nyiso(*mixes: Mw, end: datetime = LAST) -> pd.DataFrame:
    """Return rows five minutes apart, the last at ``end``, in the library's format for NYISO."""
    stamps = [end - timedelta(minutes=5 * back) for back in reversed(range(len(mixes)))]
    records = [
        {"Time": pd.Timestamp(stamp).tz_convert("US/Eastern"), **mix}
        for stamp, mix in zip(stamps, mixes, strict=True)
    ]
    return pd.DataFrame(records)


def intervals(*mixes: Mw, start: datetime, step: timedelta, tz: str = "US/Pacific") -> pd.DataFrame:
    """Return consecutive intervals from ``start``, in the library's format for CAISO and PJM."""
    frame = pd.DataFrame([dict(mix) for mix in mixes])
    begins = [pd.Timestamp(start + step * index).tz_convert(tz) for index in range(len(mixes))]
    frame.insert(0, "Time", begins)
    frame.insert(1, "Interval Start", begins)
    frame.insert(2, "Interval End", [begin + step for begin in begins])
    return frame


class Feed:
    """Returns frames or raises errors by market and local day, and stores the requests."""

    def __init__(self, **by_market: pd.DataFrame | Exception | dict[str, Any]) -> None:
        self.by_market = by_market
        self.asked: list[tuple[str, date, str | None]] = []

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        self.asked.append((market, day, api_key))
        answer = self.by_market[market]
        if isinstance(answer, dict):
            answer = answer[day.isoformat()]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, pd.DataFrame)
        return answer


def provider(feed: FuelMixFeed, markets: str = "NYISO", **changes: Any) -> Gridstatus:
    settings: dict[str, Any] = {"pjm_api_key": lambda: "key", "deadline_s": 30.0} | changes
    return Gridstatus(feed=feed, wanted=wanted(markets), **settings)


def batch(market: str, answer: Any, now: datetime = NOW) -> Batch:
    (fetched,) = provider(Feed(**{market: answer}), market).fetch(now)
    return fetched


def readings(market: str, answer: Any, now: datetime = NOW) -> dict[Basis, Reading]:
    fetched = batch(market, answer, now)
    assert fetched.errors == ()
    return {reading.basis: reading for reading in fetched.readings}


def the_error(market: str, answer: Any, now: datetime = NOW) -> GreenStreamError:
    fetched = batch(market, answer, now)
    assert fetched.readings == ()
    return fetched.errors[-1]


def without(mix: Mapping[str, float], *fuels: str) -> dict[str, float]:
    return {fuel: mw for fuel, mw in mix.items() if fuel not in fuels}


def reasons(fetched: Batch) -> list[str]:
    return [error.reason for error in fetched.errors if isinstance(error, InvalidError)]


def ends(fetched: Batch) -> list[datetime]:
    return [reading.valid_to for reading in fetched.readings if reading.basis is Basis.DIRECT]


def kinds(fetched: Batch) -> list[str]:
    return [error.kind for error in fetched.errors]
