"""These tests cover how the map's coasts and borders are cut and simplified.

They also check that every POP lies in exactly one of the map's windows.
"""

import json

import pytest

from greenstream.domain.places import pops
from infra.local.page import PUBLIC
from infra.worker.outline import (
    WINDOWS,
    Topology,
    Window,
    area,
    borders,
    cut,
    lands,
    path,
    simplify,
)

EQUATOR = Window("around the equator", 0, -5, 10, 5)


def a_topology() -> Topology:
    """Return two countries that meet at 5 degrees east; arc 0 is their border.

    Together they form one area of land.
    """
    return Topology(
        {
            "transform": {"scale": [1, 1], "translate": [0, 0]},
            "arcs": [
                [[5, -2], [0, 4]],
                [[5, 2], [-3, 0], [0, -4], [3, 0]],
                [[5, 2], [3, 0], [0, -4], [-3, 0]],
            ],
            "objects": {
                "land": {"geometries": [{"type": "MultiPolygon", "arcs": [[[1, -3]]]}]},
                "countries": {
                    "geometries": [
                        {"type": "Polygon", "arcs": [[0, 1]]},
                        {"type": "Polygon", "arcs": [[0, 2]]},
                        {"type": "Polygon"},
                    ]
                },
            },
        }
    )


def test_arcs_are_differences_and_a_negative_one_runs_backwards() -> None:
    topology = a_topology()
    assert topology.ring([1, -3]) == [
        (5, 2), (2, 2), (2, -2), (5, -2), (8, -2), (8, 2), (5, 2),
    ]  # fmt: skip


def test_land_within_the_window_is_kept_whole() -> None:
    (ring,) = lands(a_topology(), EQUATOR)
    assert abs(area(ring)) == 24


def test_land_is_cut_a_degree_outside_the_window() -> None:
    ring = [(-20.0, -1.0), (20.0, -1.0), (20.0, 1.0), (-20.0, 1.0)]
    found = cut(ring, EQUATOR)
    assert {lon for lon, _ in found} == {-1.0, 11.0}
    assert abs(area(found)) == 24


def test_land_elsewhere_and_specks_are_dropped() -> None:
    assert not list(lands(a_topology(), Window("far away", 100, -5, 110, 5)))
    speck = a_topology()
    speck.arcs = [[(x / 100, y / 100) for x, y in arc] for arc in speck.arcs]
    assert not list(lands(speck, EQUATOR))


def test_a_border_is_an_arc_of_two_countries() -> None:
    assert list(borders(a_topology(), EQUATOR)) == [[(5, -2), (5, 2)]]


def test_points_off_the_line_by_less_than_a_pixel_are_dropped() -> None:
    assert simplify([(0, 0), (1, 0.01), (2, 0), (3, 1)]) == [(0, 0), (2, 0), (3, 1)]


def test_a_path_starts_from_the_top_left_corner_in_tenths_of_degrees() -> None:
    assert path([(0, 5), (1, 4)], EQUATOR) == "M0,0L10,10"


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
def test_the_file_shipped_was_made_for_these_windows(window: Window) -> None:
    shipped = json.loads((PUBLIC / "outline.json").read_text())["windows"]
    (found,) = [shape for shape in shipped if shape["name"] == window.name]
    assert [found[edge] for edge in ("west", "south", "east", "north")] == [
        window.west, window.south, window.east, window.north,
    ]  # fmt: skip
    assert found["x_scale"] == pytest.approx(window.x_scale, abs=1e-6)


def test_every_point_of_presence_is_in_one_window() -> None:
    for pop in pops().values():
        inside = [
            window.name
            for window in WINDOWS
            if window.west < pop.lon < window.east and window.south < pop.lat < window.north
        ]
        assert len(inside) == 1, pop.pop
