"""These tests cover how the map's coasts and borders are cut and simplified.

They also check that every place lies on the map.
"""

import json

import pytest

from greenstream.domain.places import places
from infra.local.page import PUBLIC
from infra.worker.outline import (
    WORLD,
    X_SCALE,
    Topology,
    Window,
    area,
    borders,
    cut,
    lands,
    path,
    simplify,
    unrolled,
)

EQUATOR = Window(0, -5, 10, 5)


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


def test_land_is_cut_at_the_edges_of_the_window() -> None:
    ring = [(-20.0, -1.0), (20.0, -1.0), (20.0, 1.0), (-20.0, 1.0)]
    part = cut(ring, EQUATOR)
    assert {lon for lon, _ in part} == {0.0, 10.0}
    assert abs(area(part)) == 20


def test_land_across_the_antimeridian_has_a_part_at_either_edge() -> None:
    ring = [(178.0, 0.0), (-178.0, 0.0), (-178.0, 2.0), (178.0, 2.0)]
    assert unrolled(ring) == [(178.0, 0.0), (182.0, 0.0), (182.0, 2.0), (178.0, 2.0)]
    topology = a_topology()
    topology.arcs = [[], ring, ring[:1]]
    parts = list(lands(topology, Window(-180, -56, 180, 78)))
    assert sorted(round(abs(area(part))) for part in parts) == [4, 4]
    assert all(-180 <= lon <= 180 for part in parts for lon, _ in part)


def test_land_elsewhere_and_specks_are_dropped() -> None:
    assert not list(lands(a_topology(), Window(100, -5, 110, 5)))
    speck = a_topology()
    speck.arcs = [[(x / 100, y / 100) for x, y in arc] for arc in speck.arcs]
    assert not list(lands(speck, EQUATOR))


def test_a_border_is_an_arc_of_two_countries() -> None:
    assert list(borders(a_topology(), EQUATOR)) == [[(5, -2), (5, 2)]]


def test_points_off_the_line_by_less_than_a_pixel_are_dropped() -> None:
    assert simplify([(0, 0), (1, 0.01), (2, 0), (3, 1)]) == [(0, 0), (2, 0), (3, 1)]


def test_a_path_goes_in_whole_steps_from_the_top_left_corner_of_the_world() -> None:
    assert path([(-180, 78), (-170, 77), (-170, 77.01)]) == "M0 0l79 10"


def test_the_file_shipped_was_made_for_this_window_and_names_its_source() -> None:
    shipped = json.loads((PUBLIC / "outline.json").read_text())
    assert [shipped[edge] for edge in ("west", "south", "east", "north")] == [
        WORLD.west, WORLD.south, WORLD.east, WORLD.north,
    ]  # fmt: skip
    assert shipped["x_scale"] == pytest.approx(X_SCALE, abs=1e-6)
    assert "Natural Earth" in shipped["source"]
    assert "public domain" in shipped["source"]


def test_every_place_is_on_the_map() -> None:
    for place in places().values():
        assert WORLD.west <= place.lon <= WORLD.east, place.pop
        assert WORLD.south <= place.lat <= WORLD.north, place.pop
