"""Makes ``public/outline.json``: the coasts and borders on the status page's map of the world.

The input is Natural Earth (public domain) from the npm package world-atlas 2.0.2::

    python infra/worker/outline.py countries-50m.json infra/worker/public/outline.json

The map is an equirectangular projection that is true to scale at 38 degrees north and south, where
most places are, with ten units per degree of latitude. Its paths are relative and in whole units,
so that the file is small: a unit is a tenth of a degree. Detail below two units is dropped.
"""

import json
import math
import operator
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

Point = tuple[float, float]
Line = list[Point]

UNITS_PER_DEGREE = 10
TRUE_LATITUDE_DEGREES = 38.0
TOLERANCE_DEGREES = 0.2
SMALLEST_RING_DEGREES2 = 0.2
HALF_TURN_DEGREES = 180.0


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the world on the map, with its edges in degrees."""

    west: float
    south: float
    east: float
    north: float


WORLD = Window(-180.0, -56.0, 180.0, 78.0)
X_SCALE = math.cos(math.radians(TRUE_LATITUDE_DEGREES))


def main() -> None:
    """Read the topology file and write the outline file that the command line names."""
    source, target = sys.argv[1:]
    world = Topology(json.loads(Path(source).read_text()))
    document = {
        "source": "Natural Earth 1:50m (public domain), by way of world-atlas 2.0.2",
        "units_per_degree": UNITS_PER_DEGREE,
        "west": WORLD.west,
        "south": WORLD.south,
        "east": WORLD.east,
        "north": WORLD.north,
        "x_scale": round(X_SCALE, 6),
        "land": "".join(path(ring) + "z" for ring in lands(world, WORLD)),
        "borders": "".join(path(line) for line in borders(world, WORLD)),
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
    """Yield the rings of land in the window, cut at its edges.

    A ring across the antimeridian has a part at either edge of the map.
    """
    for arcs in topology.land:
        ring = unrolled(topology.ring(arcs))
        for turn in (-360.0, 0.0, 360.0):
            part = cut([(lon + turn, lat) for lon, lat in ring], window)
            if abs(area(part)) >= SMALLEST_RING_DEGREES2:
                yield simplify(part)


def unrolled(ring: Line) -> Line:
    """Return a ring whose longitudes go on beyond the antimeridian instead of jumping there."""
    points: Line = []
    turn = 0.0
    for lon, lat in ring:
        if points and abs(lon + turn - points[-1][0]) > HALF_TURN_DEGREES:
            turn += math.copysign(360.0, points[-1][0] - lon - turn)
        points.append((lon + turn, lat))
    return points


def borders(topology: Topology, window: Window) -> Iterator[Line]:
    """Yield the parts in the window of arcs that two countries share."""
    uses = Counter(arc if arc >= 0 else ~arc for ring in topology.countries for arc in ring)
    for arc, count in sorted(uses.items()):
        line: Line = []
        for lon, lat in topology.arcs[arc] if count > 1 else ():
            if window.south <= lat <= window.north:
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
        (0, window.west, operator.ge),
        (0, window.east, operator.le),
        (1, window.south, operator.ge),
        (1, window.north, operator.le),
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


def path(line: Line) -> str:
    """Return relative SVG path data in whole units, with the origin at the top left corner."""
    points = [
        (
            round((lon - WORLD.west) * X_SCALE * UNITS_PER_DEGREE),
            round((WORLD.north - lat) * UNITS_PER_DEGREE),
        )
        for lon, lat in line
    ]
    steps = [
        (x - from_x, y - from_y)
        for (from_x, from_y), (x, y) in pairwise(points)
        if (x, y) != (from_x, from_y)
    ]
    start = f"M{points[0][0]} {points[0][1]}"
    return (
        start + ("l" if steps else "") + " ".join(f"{x} {y}" for x, y in steps).replace(" -", "-")
    )


if __name__ == "__main__":
    main()
