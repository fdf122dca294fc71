"""Makes ``public/outline.json``: the coasts and borders on the status page's maps.

The input is Natural Earth (public domain) from the npm package world-atlas 2.0.2::

    python infra/worker/outline.py countries-50m.json infra/worker/public/outline.json

Each map is an equirectangular projection that is true to scale at its middle parallel, with ten
units per degree of latitude. Detail below a twentieth of a degree is dropped, because it would be
smaller than a pixel.
"""

import json
import math
import operator
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Point = tuple[float, float]
Line = list[Point]

UNITS_PER_DEGREE = 10
TOLERANCE_DEGREES = 0.05
SMALLEST_RING_DEGREES2 = 0.02
SLACK_DEGREES = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the world on one map, with its edges in degrees."""

    name: str
    west: float
    south: float
    east: float
    north: float

    @property
    def x_scale(self) -> float:
        """The ratio of a degree of longitude to a degree of latitude, at the middle parallel."""
        return math.cos(math.radians((self.south + self.north) / 2))


WINDOWS = (
    Window("North America", -126.5, 23.5, -65.5, 50.5),
    Window("Europe", -11.5, 35.0, 31.0, 63.0),
)


def main() -> None:
    """Read the topology file and write the outline file that the command line names."""
    source, target = sys.argv[1:]
    world = Topology(json.loads(Path(source).read_text()))
    document = {
        "source": "Natural Earth 1:50m (public domain), by way of world-atlas 2.0.2",
        "units_per_degree": UNITS_PER_DEGREE,
        "windows": [
            {
                "name": window.name,
                "west": window.west,
                "south": window.south,
                "east": window.east,
                "north": window.north,
                "x_scale": round(window.x_scale, 6),
                "land": "".join(path(ring, window) + "Z" for ring in lands(world, window)),
                "borders": "".join(path(line, window) for line in borders(world, window)),
            }
            for window in WINDOWS
        ],
    }
    Path(target).write_text(json.dumps(document, separators=(",", ":")) + "\n")


class Topology:
    """A TopoJSON document, in which rings share arcs whose points are stored as differences."""

    def __init__(self, document: dict[str, Any]) -> None:
        scale, shift = (document["transform"][key] for key in ("scale", "translate"))
        self.arcs: list[Line] = []
        for arc in document["arcs"]:
            x = y = 0
            line: Line = []
            for dx, dy in arc:
                x, y = x + dx, y + dy
                line.append((x * scale[0] + shift[0], y * scale[1] + shift[1]))
            self.arcs.append(line)
        self.land = _rings(document["objects"]["land"])
        self.countries = _rings(document["objects"]["countries"])

    def ring(self, arcs: Iterable[int]) -> Line:
        """Join arcs by their numbers. A negative number means the arc ``~number`` in reverse."""
        points: Line = []
        for arc in arcs:
            line = self.arcs[arc] if arc >= 0 else self.arcs[~arc][::-1]
            points += line[1:] if points else line
        return points


def _rings(shapes: dict[str, Any]) -> list[list[int]]:
    """Return the rings of all polygons in a collection, each as a list of arc numbers."""
    rings = []
    for geometry in shapes["geometries"]:
        arcs = geometry.get("arcs", [])
        polygons = [arcs] if geometry["type"] == "Polygon" else arcs
        rings += [ring for polygon in polygons for ring in polygon]
    return rings


def lands(topology: Topology, window: Window) -> Iterator[Line]:
    """Yield the rings of land in the window, cut SLACK_DEGREES outside its edges."""
    for arcs in topology.land:
        ring = cut(topology.ring(arcs), window)
        if abs(area(ring)) >= SMALLEST_RING_DEGREES2:
            yield simplify(ring)


def borders(topology: Topology, window: Window) -> Iterator[Line]:
    """Yield the parts in the window of arcs that two countries share."""
    uses = Counter(arc if arc >= 0 else ~arc for ring in topology.countries for arc in ring)
    for arc, count in sorted(uses.items()):
        line: Line = []
        for lon, lat in topology.arcs[arc] if count > 1 else ():
            if (
                window.west - SLACK_DEGREES <= lon <= window.east + SLACK_DEGREES
                and window.south - SLACK_DEGREES <= lat <= window.north + SLACK_DEGREES
            ):
                line.append((lon, lat))
                continue
            if len(line) > 1:
                yield simplify(line)
            line = []
        if len(line) > 1:
            yield simplify(line)


def cut(ring: Line, window: Window) -> Line:
    """Cut a ring at each of the window's edges with the Sutherland-Hodgman algorithm."""
    edges: tuple[tuple[int, float, Callable[[float, float], bool]], ...] = (
        (0, window.west - SLACK_DEGREES, operator.ge),
        (0, window.east + SLACK_DEGREES, operator.le),
        (1, window.south - SLACK_DEGREES, operator.ge),
        (1, window.north + SLACK_DEGREES, operator.le),
    )
    for axis, edge, inside in edges:
        clipped: Line = []
        for start, end in zip([*ring[-1:], *ring], ring, strict=False):
            if inside(start[axis], edge) != inside(end[axis], edge):
                share = (edge - start[axis]) / (end[axis] - start[axis])
                crossing = start[1 - axis] + share * (end[1 - axis] - start[1 - axis])
                clipped.append((edge, crossing) if axis == 0 else (crossing, edge))
            if inside(end[axis], edge):
                clipped.append(end)
        ring = clipped
    return ring


def simplify(line: Line) -> Line:
    """Drop points within TOLERANCE_DEGREES of the rest, with the Douglas-Peucker algorithm."""
    retained = {0, len(line) - 1}
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        distances = [
            (_distance(line[i], line[first], line[last]), i) for i in range(first + 1, last)
        ]
        if distances and max(distances)[0] > TOLERANCE_DEGREES:
            middle = max(distances)[1]
            retained.add(middle)
            spans += [(first, middle), (middle, last)]
    return [line[i] for i in sorted(retained)]


def _distance(point: Point, start: Point, end: Point) -> float:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length2 = dx * dx + dy * dy
    along = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length2 if length2 else 0.0
    along = min(1.0, max(0.0, along))
    return math.hypot(point[0] - start[0] - along * dx, point[1] - start[1] - along * dy)


def area(ring: Line) -> float:
    """Return the signed area of a ring, in square degrees."""
    shifted = [*ring[1:], *ring[:1]]
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, shifted, strict=True)) / 2


def path(line: Line, window: Window) -> str:
    """Return SVG path data in the window's units, with the origin at its top left corner."""
    points = [
        (
            round((lon - window.west) * window.x_scale * UNITS_PER_DEGREE, 1),
            round((window.north - lat) * UNITS_PER_DEGREE, 1),
        )
        for lon, lat in line
    ]
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in points)


if __name__ == "__main__":
    main()
