"""Runs ``greenstream read``, and the hand-written answers that its tests share."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from greenstream.cli.main import main
from tests.contract.entsoe_wire import FR, document, period, series
from tests.contract.neso_mixes import mix_of

HALF_HOUR = timedelta(minutes=30)


@dataclass
class Done:
    """The end of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.document["steps"]
        return steps


Read = Callable[..., Done]


def run(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    words: Sequence[str],
    files: Mapping[str, object],
) -> Done:
    """Run the command; files are written first, and stand for their names in the words."""
    every = list(words)
    for name, body in files.items():
        path = written_to(folder / name, body)
        every = [word.replace(f"<{name}>", str(path)) for word in every]
    code = main(["read", *every])
    out, err = capsys.readouterr()
    return Done(code, out, err)


def written_to(path: Path, body: object) -> Path:
    """Write text, bytes or JSON; the file's ending says which it is."""
    kinds: dict[type, tuple[str, Callable[[Any], bytes]]] = {
        bytes: (".xml", bytes),
        str: (".csv", str.encode),
    }
    ending, encode = kinds.get(type(body), (".json", lambda value: json.dumps(value).encode()))
    path = path.with_suffix(ending)
    path.write_bytes(encode(body))
    return path


def figures(readings: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    return {
        (reading["zone"], reading["basis"]): round(reading["gco2_kwh"], 1) for reading in readings
    }


def as_published(readings: list[dict[str, Any]]) -> list[float]:
    """Return NESO's own figures of its direct readings."""
    return [
        reading["as_published_gco2_kwh"] for reading in readings if reading["basis"] == "direct"
    ]


def nation(start: datetime, count: int = 1, **intensity: Any) -> dict[str, Any]:
    def stamp(moment: datetime) -> str:
        return f"{moment:%Y-%m-%dT%H:%MZ}"

    starts = [start + HALF_HOUR * index for index in range(count)]
    return {
        "data": [
            {"from": stamp(at), "to": stamp(at + HALF_HOUR), "intensity": intensity}
            for at in starts
        ]
    }


NESO_AT = datetime(2026, 5, 6, 0, 0, tzinfo=UTC)
NESO_NOW = nation(NESO_AT - HALF_HOUR, forecast=151, actual=148, index="moderate")
NESO_AHEAD = nation(NESO_AT, 48, forecast=150, actual=None, index="moderate")


def regional(region: int, gco2_kwh: int, count: int = 1) -> dict[str, Any]:
    """Return an answer about all regions that has one region only."""
    return {
        "data": [
            {"from": row["from"], "to": row["to"]}
            | {
                "regions": [
                    {
                        "regionid": region,
                        "intensity": {"forecast": gco2_kwh, "index": "moderate"},
                        "generationmix": mix_of(gco2_kwh),
                    }
                ]
            }
            for row in nation(NESO_AT, count)["data"]
        ]
    }


def mixed(gco2_kwh: int) -> dict[str, Any]:
    """Return the nation's mix of the half hour that has ended."""
    [row] = nation(NESO_AT - HALF_HOUR)["data"]
    return {"data": [{"from": row["from"], "to": row["to"], "generationmix": mix_of(gco2_kwh)}]}


NESO_MIX = mixed(148)
NESO_GB = regional(18, 150, 48)


def france(*nuclear_mw: int, hours: int = 4) -> bytes:
    """Hours from 10 UTC on with all that France has; the nuclear output is that of each hour."""
    start = datetime(2026, 5, 6, 10, 0, tzinfo=UTC)
    fixed = {"B01": 600, "B04": 2000, "B11": 5000, "B12": 3000, "B16": 9000, "B17": 250}
    fixed |= {"B18": 100, "B19": 6000}

    def hourly(values: list[int]) -> str:
        points = {index + 1: value for index, value in enumerate(values)}
        return period(points, start=start, slots=len(values), minutes=60)

    steady = [
        series(fuel, hourly([mw + 7 * hour for hour in range(hours)]), domain=FR)
        for fuel, mw in fixed.items()
    ]
    return document(*steady, series("B14", hourly(list(nuclear_mw)), domain=FR))


FRANCE = france(30_000, 30_100, 30_200, 30_300)


LATEST = {
    "zone": "FR",
    "carbonIntensity": 48,
    "datetime": "2026-11-22T16:00:00.000Z",
    "updatedAt": "2026-11-22T15:48:00.000Z",
    "emissionFactorType": "direct",
    "isEstimated": True,
    "estimationMethod": "TIME_SLICER_AVERAGE",
}
