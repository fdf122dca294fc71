"""Right factor: the product's factors on the mixes of operators that publish an intensity."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from greenstream.domain.intensity import Factor, factor_tables, mix_intensity, publisher_tables
from greenstream.domain.reading import Basis
from infra.validation.row import Material, Row

QUESTION: Final = "right factor"
COLUMNS: Final = Path(__file__).with_name("rte.json")

RTE_LIMIT_GCO2_KWH: Final = 3.0
LEAST_IMPORTS_PERCENT: Final = 5
"""With less imports the rounding of NESO's figures hides the factor of the imports."""


def rows(material: Material) -> Iterator[Row]:
    """Yield the rows of the question."""
    yield _rte(material.recordings / "rte_eco2mix" / "eco2mix-national-tr.json")
    yield _neso(material.recordings / "neso")
    yield Row.not_run(
        QUESTION,
        "Energinet's own g/kWh of DK1 and DK2 (CO2Emis)",
        "no answer of that data set is recorded",
    )


def _rte(file: Path) -> Row:
    against = "RTE's own `taux_co2`, by its own quarter hours, over the same mix"
    if not file.is_file():
        return Row.not_run(QUESTION, against, "no recorded answer is there")
    names = json.loads(COLUMNS.read_text(encoding="utf-8"))
    fields = [
        record["fields"]
        for record in json.loads(file.read_bytes())["records"]
        if record["fields"].get("taux_co2") is not None
    ]
    differences = [_ours_of(row, names["columns"]) - row["taux_co2"] for row in fields]
    biogenic = [names["bioenergy_gco2_kwh"] * _share(row, names) for row in fields]
    left = [ours + theirs for ours, theirs in zip(differences, biogenic, strict=True)]
    return Row.judged(
        QUESTION,
        against,
        f"{len(fields)} quarter hours: ours less RTE's {fmean(differences):+.1f} g/kWh on average. "
        f"RTE counts the CO2 of bioenergy, which is {fmean(biogenic):.1f}; left is "
        f"{fmean(left):+.1f} ({min(left):+.1f} to {max(left):+.1f})",
        f"what is left is at most {RTE_LIMIT_GCO2_KWH:.0f} g/kWh on average",
        held=abs(fmean(left)) <= RTE_LIMIT_GCO2_KWH,
    )


def _ours_of(row: Mapping[str, Any], columns: Mapping[str, str]) -> float:
    mix: dict[str, float] = {}
    for column, fuel in columns.items():
        mix[fuel] = mix.get(fuel, 0.0) + float(row.get(column) or 0)
    table = factor_tables()["ENTSOE", Basis.DIRECT]
    of_france = factor_tables()["ENTSOE_FR", Basis.DIRECT].factors
    factors: dict[str, Factor] = {**table.factors, **of_france}
    whole = replace(table, factors=factors)
    return mix_intensity(mix, whole, provider="rte", zone="ENTSOE_FR").gco2_kwh


def _share(row: Mapping[str, Any], names: Mapping[str, Any]) -> float:
    """Return the share of bioenergy in the generation above zero."""
    mw = {column: max(0.0, float(row.get(column) or 0)) for column in names["columns"]}
    return sum(mw[column] for column in names["bioenergy"]) / sum(mw.values())


def _neso(folder: Path) -> Row:
    against = "NESO's regional figures: what they say of imports, by its own shares and factors"
    half_hours = [
        half_hour
        for path in sorted(folder.glob("regional_*.json"))
        for half_hour in _half_hours(json.loads(path.read_bytes()))
    ]
    if not half_hours:
        return Row.not_run(QUESTION, against, "no recorded answer is there")
    factors = publisher_tables()["neso", Basis.DIRECT].factors
    [published] = json.loads((folder / "factors_2023.json").read_bytes())["data"]
    highest = max(value for name, value in published.items() if name.endswith(" Imports"))
    implied = []
    for half_hour in half_hours:
        mix = {entry["fuel"]: entry["perc"] for entry in half_hour["generationmix"]}
        imports = mix.pop("imports", 0)
        if imports < LEAST_IMPORTS_PERCENT:
            continue
        inside = sum(perc * _gco2_kwh(factors, fuel) for fuel, perc in mix.items())
        implied.append((100 * half_hour["intensity"]["forecast"] - inside) / imports)
    beyond = sum(not 0 <= factor <= highest for factor in implied)
    return Row.judged(
        QUESTION,
        against,
        f"{len(half_hours)} half hours, {len(implied)} of them with at least "
        f"{LEAST_IMPORTS_PERCENT} % imports: imports at {min(implied):.0f} to {max(implied):.0f} "
        f"g/kWh, {beyond} beyond the limit",
        f"all from 0 (Norway and Denmark are in no published factor) to {highest:.0f} g/kWh, "
        "NESO's highest factor of a neighbour",
        held=bool(implied) and not beyond,
    )


def _gco2_kwh(factors: Mapping[str, Factor], fuel: str) -> float:
    """Return NESO's factor of a fuel: the fuels that its table does not name emit nothing."""
    return (factors[fuel].gco2_kwh or 0.0) if fuel in factors else 0.0


def _half_hours(answer: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    """Yield whatever has an intensity and a mix, at any depth of an answer."""
    if isinstance(answer, list):
        for member in answer:
            yield from _half_hours(member)
    elif isinstance(answer, dict):
        if "generationmix" in answer and "intensity" in answer:
            yield answer
        else:
            for member in answer.values():
                yield from _half_hours(member)
