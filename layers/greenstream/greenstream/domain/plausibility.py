"""What a feed must hold to be believed.

The rules are data (``data/rules.json``), and each names its source. Collectors apply them to what
they read; the router never loads them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from greenstream.domain.tables import load


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRules:
    """Rules for all sources of a provider.

    Parameters
    ----------
    greatest_fuel_mw
        No fuel of any source makes more, MW.
    reversible
        Fuels that may be below zero, as they charge, pump or export. The others draw no more than
        the power of their own stations.
    not_generation
        Codes of the feed that stand for no generation, such as links between grids.
    least_gco2_kwh
        Least figure, g/kWh, that goes with each index in words that the publisher gives beside it.
    zero_is_false_above_gco2_kwh
        A figure of 0 is false where what it is checked against is above this, g/kWh.
    """

    greatest_fuel_mw: float
    reversible: frozenset[str]
    not_generation: frozenset[str]
    least_gco2_kwh: Mapping[str, float]
    zero_is_false_above_gco2_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """Rules for the mixes of one source.

    Parameters
    ----------
    needed
        Fuels that must be in every mix, whatever they make. A fuel that is absent for as long as
        a provider looks back would otherwise be missed by nobody, and a mix without its emitting
        fuels looks clean.
    solar_in_other
        Whether the operator reports solar that it does not meter under "Other".
    """

    needed: frozenset[str] = frozenset()
    solar_in_other: bool = False


NO_RULES: Final = SourceRules()


def rules_of_provider(provider: str) -> ProviderRules:
    """Return the rules for all sources of a provider.

    Raises
    ------
    KeyError
        When the table has no row for the provider.
    """
    return _rules()[0][provider]


def rules_of_source(provider: str, zone: str) -> SourceRules:
    """Return the rules for a provider's mixes of a zone; no rules where the table has no row."""
    return _rules()[1].get((provider, zone), NO_RULES)


@cache
def _rules() -> tuple[dict[str, ProviderRules], dict[tuple[str, str], SourceRules]]:
    table = load("rules.json")
    return (
        {row["provider"]: _provider_rules(row) for row in table["providers"]},
        {(row["provider"], row["zone"]): _source_rules(row) for row in table["sources"]},
    )


def _provider_rules(row: Mapping[str, Any]) -> ProviderRules:
    return ProviderRules(
        greatest_fuel_mw=float(row.get("greatest_fuel_mw", {"mw": math.inf})["mw"]),
        reversible=_fuels(row.get("reversible", ())),
        not_generation=_fuels(row.get("not_generation", ())),
        least_gco2_kwh={
            band["index"]: float(band["least_gco2_kwh"]) for band in row.get("index_bands", ())
        },
        zero_is_false_above_gco2_kwh=float(
            row.get("zero_is_false_above", {"gco2_kwh": math.inf})["gco2_kwh"]
        ),
    )


def _source_rules(row: Mapping[str, Any]) -> SourceRules:
    return SourceRules(
        needed=frozenset(row.get("needed", {"fuels": ()})["fuels"]),
        solar_in_other="solar_in_other" in row,
    )


def _fuels(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(row["fuel"] for row in rows)
