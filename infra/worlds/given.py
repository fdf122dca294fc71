"""A file of worlds, read and checked: POPs, each on a trace, under a limit on the round trip."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

Checked = TypeVar("Checked")

MAX_DELAY_S: Final = 366 * 86_400.0
MAX_LIMIT_MS: Final = 60_000.0  # the largest limit that a policy may have
HOUR_S: Final = 3600.0
OWN_DELAY: Final = "own"


class WorldsError(Exception):
    """A file of worlds cannot be used; the message names the world and the reason."""


@dataclass(frozen=True, slots=True)
class Site:
    """A POP at a place (degrees), on the grid whose intensity is ``trace``."""

    pop: str
    lat: float
    lon: float
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenWorld:
    """POPs under one limit.

    ``delay_s`` has the delays of this world alone, by POP, and ``delay`` is their name; it is
    ``None`` where the world runs under every delay table. The sources of ``missing`` have neither
    reading nor profile; those of ``late_s`` are later by that many seconds.
    """

    name: str
    limit_ms: float
    sites: tuple[Site, ...]
    delay_s: Mapping[str, float] | None
    missing: frozenset[str]
    late_s: Mapping[str, float]
    delay: str

    @property
    def pops(self) -> tuple[str, ...]:
        """The POPs' names."""
        return tuple(site.pop for site in self.sites)


@dataclass(frozen=True, slots=True)
class GivenWorlds:
    """The worlds, and the file's own delays in seconds by name of delay table and trace."""

    worlds: tuple[GivenWorld, ...]
    delay_s_by_trace: Mapping[str, Mapping[str, float]]

    @property
    def traces(self) -> frozenset[str]:
        """The traces that the worlds need."""
        return frozenset(site.trace for world in self.worlds for site in world.sites)


def load_worlds(file: Path) -> GivenWorlds:
    """Read a file of worlds.

    Raises
    ------
    WorldsError
        When the file is absent, is not JSON, or states something that no world can be.
    """
    try:
        stated = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise WorldsError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise WorldsError(f"{file} is not JSON: {error}") from error
    try:
        whole = _object(stated, "the file")
        worlds = _list(whole.get("worlds"), "worlds", _world)
        tables = _object(whole.get("delay_s_by_trace", {}), "delay_s_by_trace")
        delays = {
            name: _numbers(delay_s, f"delay_s_by_trace, {name}", MAX_DELAY_S)
            for name, delay_s in tables.items()
        }
    except WorldsError as error:
        raise WorldsError(f"{file.name}: {error}") from error
    if not worlds:
        raise WorldsError(f"{file.name}: there is no world in it")
    return GivenWorlds(worlds, delays)


def _world(stated: object, where: str) -> GivenWorld:
    row = _object(stated, where)
    name = _text(row.get("name"), f"{where}, name")
    where = f"world {name!r}"
    sites = _list(row.get("pops"), f"{where}, pops", _site)
    pops = {site.pop for site in sites}
    if not sites or len(pops) < len(sites):
        raise WorldsError(f"{where}: pops must name at least one POP, and each once")
    delay_s = row.get("delay_s")
    own = None if delay_s is None else _numbers(delay_s, f"{where}, delay_s", MAX_DELAY_S)
    late_h = _numbers(row.get("late_h", {}), f"{where}, late_h", MAX_DELAY_S / HOUR_S)
    missing = frozenset(_list(row.get("missing", []), f"{where}, missing", _text))
    for field, named in (("delay_s", own or {}), ("late_h", late_h), ("missing", missing)):
        for pop in named:
            if pop not in pops:
                raise WorldsError(f"{where}, {field}: {pop!r} is none of its POPs")
    limit_ms = _number(row.get("limit_ms"), f"{where}, limit_ms", (0.0, MAX_LIMIT_MS))
    return GivenWorld(
        name=name,
        limit_ms=limit_ms,
        sites=sites,
        delay_s=own,
        missing=missing,
        late_s={pop: hours * HOUR_S for pop, hours in late_h.items()},
        delay=_text(row.get("delay", OWN_DELAY), f"{where}, delay"),
    )


def _site(stated: object, where: str) -> Site:
    row = _object(stated, where)
    return Site(
        pop=_text(row.get("pop"), f"{where}, pop"),
        lat=_number(row.get("lat"), f"{where}, lat", (-90.0, 90.0)),
        lon=_number(row.get("lon"), f"{where}, lon", (-180.0, 180.0)),
        trace=_text(row.get("trace"), f"{where}, trace"),
    )


def _object(stated: object, where: str) -> Mapping[str, Any]:
    if not isinstance(stated, dict):
        raise WorldsError(f"{where}: this must be a JSON object")
    return stated


def _list(
    stated: object, where: str, check: Callable[[object, str], Checked]
) -> tuple[Checked, ...]:
    if not isinstance(stated, list):
        raise WorldsError(f"{where}: this must be a list")
    return tuple(check(entry, f"{where}, entry {n}") for n, entry in enumerate(stated, start=1))


def _text(stated: object, where: str) -> str:
    if not isinstance(stated, str) or not stated:
        raise WorldsError(f"{where}: this must be a text that is not empty")
    return stated


def _number(stated: object, where: str, bounds: tuple[float, float]) -> float:
    low, high = bounds
    if isinstance(stated, bool) or not isinstance(stated, int | float) or math.isnan(stated):
        raise WorldsError(f"{where}: this must be a number")
    if not low <= stated <= high:
        raise WorldsError(f"{where}: {stated} is not from {low:g} to {high:g}")
    return float(stated)


def _numbers(stated: object, where: str, high: float) -> dict[str, float]:
    return {
        name: _number(value, f"{where}, {name}", (0.0, high))
        for name, value in _object(stated, where).items()
    }
