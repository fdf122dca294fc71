"""Recomputes the rows of ``factors.json`` and ``zones.json`` that follow from other facts.

A derived row says in its source how it was made. `factors` and `yearly_means` read that, compute
the figure again from its inputs, and yield each row with the figure that it should have:

- a lifecycle factor that is a direct factor plus a supply chain,
- the bounds of storage, which follow from the dirtiest fuel and the round trip,
- a yearly mean of a country's generation by fuel (``generation.json``) times the factors, and
  what it would be if its oil burnt in engines or all its bioenergy were refuse,
- the yearly mean of California, of its generation and imports (``generation.json``).
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from greenstream.domain.tables import DATA

GENERATION: Final = Path(__file__).with_name("generation.json")

ROUNDED_GCO2_KWH: Final = 0.051
"""How far two figures may be apart that are equal to one decimal."""

MOST_GCO2_KWH: Final = 2000.0
"""The greatest factor that the schema allows."""

FUELS: Final[Mapping[str, str]] = {
    "coal": "B05",
    "gas": "B04",
    "oil": "B06",
    "nuclear": "B14",
    "hydro": "B11",
    "wind": "B19",
    "solar": "B16",
    "biomass": "B01",
    "other_renewables": "B09",
}
"""The fuel of the tables of ENTSO-E by the fuel of ``generation.json``. Other renewables are
geothermal power in nearly all countries."""

TAIPOWER: Final[Mapping[str, str]] = {
    **FUELS,
    "coal": "coal",
    "gas": "lng",
    "oil": "oil",
    "nuclear": "nuclear",
    "hydro": "hydro",
    "wind": "wind",
    "solar": "solar",
}
"""The kind of plant of Taiwan's table by the fuel of ``generation.json``. The table names no
biomass, so that of ENTSO-E's tables stands."""

_SUPPLY_CHAIN: Final = re.compile(r"^direct factor ([\d.]+) plus supply chain and plant ([\d.]+)")
_STORAGE: Final = re.compile(r"\(([^()]*?)([\d.]+)(?:; [^()]*)?\) over ([\d.]+) round trip")
_MEAN: Final = re.compile(r"^Computed: generation of (\d{4}) by fuel \(Our World in Data")
_ENGINES: Final = re.compile(r"At ([\d.]+) for engines .* the mean is ([\d.]+)$")
_REFUSE: Final = re.compile(r"were all its bioenergy the refuse .* the mean would be ([\d.]+)")
_CALIFORNIA: Final = re.compile(r"^Computed: California's generation of (\d{4}) ")


class Derived(NamedTuple):
    """A derived figure: the row that has it, the figure, and what it follows to be, g/kWh."""

    row: str
    figure: str
    stated: float
    computed: float

    @property
    def differs(self) -> bool:
        """Whether the two are further apart than rounding to one decimal allows."""
        return abs(self.stated - self.computed) > ROUNDED_GCO2_KWH


Json = Mapping[str, Any]
"""A data file, as JSON has it."""


def content(name: str) -> Json:
    """Return a data file of the package."""
    data: Json = json.loads((DATA / name).read_bytes())
    return data


def factors(data: Json) -> Iterator[Derived]:
    """Yield the derived figures of ``factors.json``."""
    tables = {(table["table"], table["basis"]): table["fuels"] for table in data["tables"]}
    for (name, basis), fuels in tables.items():
        for fuel, row in fuels.items():
            where = f"{name} {basis} {fuel}"
            if chain := _SUPPLY_CHAIN.match(row["source"]):
                direct = tables[name, "direct"].get(fuel, {})
                yield Derived(where, "direct factor", float(chain[1]), direct["gco2_kwh"])
                computed = float(chain[1]) + float(chain[2])
                yield Derived(where, "gco2_kwh", row["gco2_kwh"], computed)
            if storage := _STORAGE.search(row["source"]):
                yield Derived(where, "round_trip", row["round_trip"], float(storage[3]))
                stated, added = row["high_gco2_kwh"], row.get("making_gco2_kwh", 0.0)
                high = float(storage[2]) / row["round_trip"] + added
                # Some rows round the bound up to a whole number.
                computed = stated if 0 <= stated - high < 1 else min(high, MOST_GCO2_KWH)
                yield Derived(where, "high_gco2_kwh", stated, computed)


def yearly_means(zones: Json, factor_data: Json) -> Iterator[Derived]:
    """Yield the yearly means of ``zones.json`` that are computed of generation by fuel."""
    generation = json.loads(GENERATION.read_bytes())
    countries, california = generation["countries"], generation["california"]
    tables = {(table["table"], table["basis"]): table["fuels"] for table in factor_data["tables"]}
    for zone in zones["zones"]:
        for mean in zone["annual_means"]:
            basis = mean["basis"]
            where = f"{zone['zone']} {basis}"
            if year := _CALIFORNIA.match(mean["source"]):
                gwh, table = california["gwh"], tables["CAISO", basis]
                mix = {**gwh, "total": sum(gwh.values())}
                computed = mean_gco2_kwh(mix, table, {fuel: fuel for fuel in gwh})
                yield Derived(where, "year", float(year[1]), float(california["year"]))
                yield Derived(where, "gco2_kwh", mean["gco2_kwh"], computed)
            match = _MEAN.match(mean["source"])
            if match is None:
                continue
            mix = countries[zone["country"]]
            yield Derived(where, "year", float(match[1]), float(mix["year"]))
            own = {} if "ENTSOE" in mean["source"] else tables.get((zone["zone"], basis), {})
            fuels = FUELS
            if "oil counted as the oil shale" in mean["source"]:
                fuels = {**FUELS, "oil": "B07"}
            if "this package's TAIPOWER" in mean["source"]:
                own, fuels = tables["TAIPOWER", basis], TAIPOWER
            table = {**tables["ENTSOE", basis], **own}
            computed = mean_gco2_kwh(mix, table, fuels)
            yield Derived(where, "gco2_kwh", mean["gco2_kwh"], computed)
            if engines := _ENGINES.search(mean["source"]):
                table = {**table, FUELS["oil"]: {"gco2_kwh": float(engines[1])}}
                computed = mean_gco2_kwh(mix, table, FUELS)
                yield Derived(where, "with engines", float(engines[2]), computed)
            if refuse := _REFUSE.search(mean["source"]):
                most = {"gco2_kwh": table["OtherRenewableEnergy"]["high_gco2_kwh"]}
                computed = mean_gco2_kwh(mix, {**table, FUELS["biomass"]: most}, fuels)
                yield Derived(where, "with refuse", float(refuse[1]), computed)


def mean_gco2_kwh(
    mix: Mapping[str, float], table: Mapping[str, Any], fuels: Mapping[str, str]
) -> float:
    """Return the mean intensity of a year's generation by fuel and in total, in g/kWh."""
    grams: float = sum(mix.get(fuel, 0.0) * table[code]["gco2_kwh"] for fuel, code in fuels.items())
    return grams / mix["total"]


def derived() -> Iterator[Derived]:
    """Yield every derived figure of the package's data."""
    factor_data = content("factors.json")
    yield from factors(factor_data)
    yield from yearly_means(content("zones.json"), factor_data)
