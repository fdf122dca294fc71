"""The POP table is compared with data centres whose grids are known from other sources.

The list of data centres uses only public facts: the operators' own site lists, Electricity Maps'
table of data centres (config/data_centers at commit 06911010), ENTSO-E's EIC codes, US EIA's
balancing authorities, and Ofgem's licence areas. It names grids by the codes of those publishers.
Its coordinates are accurate to a few kilometres.
"""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import pytest

from greenstream.domain.places import Pop, pops
from greenstream.domain.zones import Zone, zones

SAME_TOWN_KM = 75.0
GRIDS_OF_GRIDSTATUS = {"CISO": "CAISO", "NYIS": "NYISO", "PJM": "PJM"}
"""The gridstatus library's names for balancing authorities of US EIA's form 930."""

REGIONS_OF_NESO = {
    "SP Distribution": "2",
    "Electricity North West": "3",
    "UKPN London": "13",
}
"""Licence areas by their number in NESO's API (https://carbon-intensity.github.io/api-definitions)."""


class DataCentre(NamedTuple):
    site: str
    country: str
    lat: float
    lon: float
    grid: str


def listed() -> list[DataCentre]:
    path = Path(__file__).parent / "fixtures" / "data_centres.csv"
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert all(row["source"] for row in rows)
    return [
        DataCentre(row["site"], row["country"], float(row["lat"]), float(row["lon"]), row["grid"])
        for row in rows
    ]


SITES = listed()


def km(site: DataCentre, pop: Pop) -> float:
    """Return the great-circle distance on a sphere with a radius of 6,371 km."""
    a, b = math.radians(site.lat), math.radians(pop.lat)
    across = math.radians(pop.lon - site.lon)
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(across)
    return 6371.0 * math.acos(min(1.0, cosine))


def nearest(site: DataCentre) -> Pop:
    """Return the nearest POP of the site's own country, since a border may cross a town."""
    return min(
        (pop for pop in pops().values() if pop.country == site.country),
        key=lambda pop: km(site, pop),
    )


def names(zone: Zone) -> set[tuple[str, str]]:
    return {(source.provider, source.provider_zone) for source in zone.sources}


def codes(grid: str) -> set[tuple[str, str]]:
    """Return the names that our providers would use for a grid of the list."""
    found = {("entsoe", grid)}
    if grid in GRIDS_OF_GRIDSTATUS:
        found.add(("gridstatus", GRIDS_OF_GRIDSTATUS[grid]))
    found.add(("eia", grid))
    if grid in REGIONS_OF_NESO:
        found.add(("eso", REGIONS_OF_NESO[grid]))
    return found


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.site)
def test_a_pop_uses_the_grid_from_which_the_data_centres_of_its_town_draw(
    site: DataCentre,
) -> None:
    pop = nearest(site)
    assert km(site, pop) < SAME_TOWN_KM, f"no POP near {site.site}"
    for entry in pop.zones:
        own = bool(names(zones()[entry.zone]) & codes(site.grid))
        assert entry.proxy is not own, f"{pop.pop} → {entry.zone}, but it draws from {site.grid}"


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.site)
def test_a_grid_that_has_a_zone_comes_before_its_neighbours(site: DataCentre) -> None:
    has_a_zone = any(names(zone) & codes(site.grid) for zone in zones().values())
    first = nearest(site).zones[0]
    assert first.proxy is not has_a_zone


def test_only_ashburn_newark_philadelphia_and_los_angeles_have_a_proxy() -> None:
    """PJM needs a key, which may be absent; the grid of Los Angeles has no live feed."""
    proxies = {pop.pop for pop in pops().values() if any(entry.proxy for entry in pop.zones)}
    assert proxies == {"iad", "ewr", "phl", "lax"}


def test_most_pops_have_a_data_centre_for_comparison() -> None:
    held = {nearest(site).pop for site in SITES}
    assert len(held) >= 0.7 * len(pops())
    assert {"sfo", "lax", "iad", "nyc", "lon", "ams"} <= held
