"""These tests cover the table of Cloudflare's data centres (colos).

They check the positions of the colos and the colos that are suggested for a mistyped code.
"""

import pytest

from greenstream.domain.latency import great_circle_km
from greenstream.domain.places import colos, near_colos, pops
from greenstream.domain.tables import load

FROM_AIRPORT_TO_CITY_KM = 60


def test_each_row_is_a_colo_of_its_own() -> None:
    rows = load("colos.json")["colos"]

    assert len(colos()) == len(rows) == 339
    assert len({(colo.lat, colo.lon) for colo in colos().values()}) == 339


def test_a_colo_says_its_city_its_country_and_its_position() -> None:
    london = colos()["LHR"]

    assert (london.colo, london.city, london.country) == ("LHR", "London", "GB")
    assert (london.lat, london.lon) == (51.4706, -0.4619)


def test_a_pop_and_a_colo_of_one_code_are_at_one_place() -> None:
    shared = pops().keys() & {code.lower() for code in colos()}

    assert len(shared) > 20
    for code in shared:
        pop, colo = pops()[code], colos()[code.upper()]
        assert pop.country == colo.country
        assert great_circle_km(pop.lat, pop.lon, colo.lat, colo.lon) < FROM_AIRPORT_TO_CITY_KM, code


@pytest.mark.parametrize(
    ("code", "city", "lat", "lon"),
    [
        ("SSA", "Salvador", -12.97, -38.51),
        ("BDQ", "Jamnagar", 22.47, 70.06),
        ("NRT", "Tokyo", 35.68, 139.69),
        ("CAN", "Guangzhou", 23.13, 113.26),
    ],
)
def test_a_colo_whose_list_has_no_true_position_stands_in_its_city(
    code: str, city: str, lat: float, lon: float
) -> None:
    colo = colos()[code]

    assert colo.city == city
    assert great_circle_km(colo.lat, colo.lon, lat, lon) < 5


@pytest.mark.parametrize(
    ("code", "near"),
    [
        ("LRH", ["LHR", "ZRH"]),
        ("AMZ", ["AMD", "AMM", "AMS"]),
        ("QQQ", []),
    ],
)
def test_a_mistyped_code_differs_in_one_letter_or_in_the_order_of_letters(
    code: str, near: list[str]
) -> None:
    assert [colo.colo for colo in near_colos(code)] == near


def test_few_near_colos_are_named() -> None:
    near = near_colos("CAX", most=3)

    assert len(near) == 3
    assert near == near_colos("CAX", most=100)[:3]
