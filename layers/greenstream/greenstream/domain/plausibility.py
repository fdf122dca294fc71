"""What a feed must hold to be believed.

The rules are data (``data/rules.json``), and each names its source. Collectors apply them to what
they read; the router never loads them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

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
    storage
        Fuels that are idle where a mix does not name them: they only give back what was taken.
    solar, wind
        Fuels whose power follows the weather. Only a mix that runs on one of them always moves.
    not_generation
        Codes of the feed that stand for no generation, such as links between grids.
    not_generation_beginning
        How other names begin that stand for no generation.
    fuel_names
        The fuel of the factor table that each name of the feed stands for, where the names differ.
    least_gco2_kwh
        Least figure, g/kWh, that goes with each index in words that the publisher gives beside it.
    zero_is_false_above_gco2_kwh
        A figure of 0 is false where what it is checked against is above this, g/kWh.
    least_share_of_forecast
        An actual figure below this share of its forecast is false.
    least_share_of_neighbours
        A forecast is false that is below this share of the forecasts before and after it, or of
        which both are below this share.
    nearly_zero_share
        A fuel that never makes 0 MW, and falls below this share of what it made, is in another
        unit or reported in part. One that may be below zero may also pass by 0.
    mix_identity
        How a publisher's figure follows from the shares beside it. ``None`` where it need not.
    """

    greatest_fuel_mw: float
    reversible: frozenset[str]
    storage: frozenset[str]
    solar: frozenset[str]
    wind: frozenset[str]
    not_generation: frozenset[str]
    not_generation_beginning: tuple[str, ...]
    fuel_names: Mapping[str, str]
    least_gco2_kwh: Mapping[str, float]
    zero_is_false_above_gco2_kwh: float
    least_share_of_forecast: float
    least_share_of_neighbours: float
    nearly_zero_share: float
    mix_identity: "MixIdentity | None"

    def is_no_generation(self, name: str) -> bool:
        """Return whether a name of the feed stands for no generation."""
        return name in self.not_generation or name.startswith(self.not_generation_beginning)


class MixIdentity(NamedTuple):
    """The bounds within which a figure is the sum of its shares times the publisher's factors.

    ``tolerance_gco2_kwh`` covers the rounding of shares and figure. The national one also covers
    that figure and mix come in two answers, with fuels that the mix puts together.
    ``greatest_import_gco2_kwh`` is the greatest factor of any import; the least is 0.
    """

    tolerance_gco2_kwh: float
    national_tolerance_gco2_kwh: float
    greatest_import_gco2_kwh: float


class GreatestMw(NamedTuple):
    """The greatest power, in MW, of a fuel or of several fuels together."""

    fuels: frozenset[str]
    mw: float


class Middle(NamedTuple):
    """The middle of a zone, in degrees north and east, from which the sun is seen."""

    latitude: float
    longitude: float


class Unmetered(NamedTuple):
    """Generation inside a zone that its feed does not meter.

    ``greatest_mw`` is the most that it makes, in MW. ``by_day`` says that it is solar power, so
    that this holds for a sun in the zenith.
    """

    fuel: str
    greatest_mw: float
    by_day: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """Rules for the mixes of one source.

    Parameters
    ----------
    needed
        Fuels that must be in every mix, whatever they make. A fuel that is absent for as long as
        a provider looks back would otherwise be missed by nobody, and a mix without its emitting
        fuels looks clean.
    needed_any
        Groups of fuels. Every mix must hold at least one fuel of each group.
    needed_by_day
        Fuels that must be in every mix, and above 0 MW, while the sun is well up in the zone.
    never_zero
        Fuels that never make exactly 0 MW.
    never_zero_any
        Groups of fuels that never make exactly 0 MW together.
    idle_when_absent
        Fuels that stand still where a mix does not name them, since the operator reports only what
        runs.
    usual
        Fuels that the source usually reports. Their absence refuses nothing by itself.
    least_total_mw, greatest_total_mw
        Bounds of the whole generation, in MW. A smaller total is a part of the zone.
    greatest_mw
        The greatest power of single fuels and of groups of fuels.
    middle
        The middle of the zone. Without it no rule about day and night is applied.
    solar_in_other
        Whether the operator reports solar that it does not meter under "Other".
    unmetered
        What runs in the zone and is not in the mixes. How much of it runs is not known.
    least_gco2_kwh, greatest_gco2_kwh
        The bounds of the figures of a publisher of intensities, g/kWh.
    """

    needed: frozenset[str] = frozenset()
    needed_any: tuple[frozenset[str], ...] = ()
    needed_by_day: frozenset[str] = frozenset()
    never_zero: frozenset[str] = frozenset()
    never_zero_any: tuple[frozenset[str], ...] = ()
    idle_when_absent: frozenset[str] = frozenset()
    usual: frozenset[str] = frozenset()
    least_total_mw: float = 0.0
    greatest_total_mw: float = math.inf
    greatest_mw: tuple[GreatestMw, ...] = ()
    middle: Middle | None = None
    solar_in_other: bool = False
    unmetered: tuple[Unmetered, ...] = ()
    least_gco2_kwh: float = 0.0
    greatest_gco2_kwh: float = math.inf

    @property
    def greatest_alone_mw(self) -> dict[str, float]:
        """What a fuel may make, in MW, whatever the others of its groups make."""
        alone_mw: dict[str, float] = {}
        for bound in self.greatest_mw:
            for fuel in bound.fuels:
                alone_mw[fuel] = min(bound.mw / len(bound.fuels), alone_mw.get(fuel, math.inf))
        return alone_mw


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
        storage=_fuels(row.get("storage", ())),
        solar=_fuels(row.get("solar", ())),
        wind=_fuels(row.get("wind", ())),
        not_generation=_fuels(row.get("not_generation", ())),
        not_generation_beginning=tuple(
            entry["fuel"] for entry in row.get("not_generation_beginning", ())
        ),
        fuel_names={entry["name"]: entry["fuel"] for entry in row.get("fuel_names", ())},
        least_gco2_kwh={
            band["index"]: float(band["least_gco2_kwh"]) for band in row.get("index_bands", ())
        },
        zero_is_false_above_gco2_kwh=float(
            row.get("zero_is_false_above", {"gco2_kwh": math.inf})["gco2_kwh"]
        ),
        least_share_of_forecast=float(row.get("least_share_of_forecast", {"share": 0})["share"]),
        least_share_of_neighbours=float(
            row.get("least_share_of_neighbours", {"share": 0})["share"]
        ),
        nearly_zero_share=float(row.get("nearly_zero_share", {"share": 0})["share"]),
        mix_identity=MixIdentity(
            float(identity["tolerance_gco2_kwh"]),
            float(identity["national_tolerance_gco2_kwh"]),
            float(identity["greatest_import_gco2_kwh"]),
        )
        if (identity := row.get("mix_identity"))
        else None,
    )


def _source_rules(row: Mapping[str, Any]) -> SourceRules:
    middle = row.get("middle")
    return SourceRules(
        needed=_named(row, "needed"),
        needed_any=_groups(row, "needed_any"),
        needed_by_day=_named(row, "needed_by_day"),
        never_zero=_named(row, "never_zero"),
        never_zero_any=_groups(row, "never_zero_any"),
        idle_when_absent=_named(row, "idle_when_absent"),
        usual=_named(row, "usual"),
        least_total_mw=float(row.get("least_total_mw", {"mw": 0.0})["mw"]),
        greatest_total_mw=float(row.get("greatest_total_mw", {"mw": math.inf})["mw"]),
        greatest_mw=tuple(
            GreatestMw(frozenset(bound["fuels"]), float(bound["mw"]))
            for bound in row.get("greatest_mw", ())
        ),
        middle=Middle(middle["latitude"], middle["longitude"]) if middle else None,
        solar_in_other="solar_in_other" in row,
        unmetered=tuple(
            Unmetered(entry["fuel"], float(entry["mw"]), by_day="by_day" in entry)
            for entry in row.get("unmetered", ())
        ),
        least_gco2_kwh=float(row.get("least_gco2_kwh", {"gco2_kwh": 0})["gco2_kwh"]),
        greatest_gco2_kwh=float(row.get("greatest_gco2_kwh", {"gco2_kwh": math.inf})["gco2_kwh"]),
    )


def _named(row: Mapping[str, Any], rule: str) -> frozenset[str]:
    return frozenset(row.get(rule, {"fuels": ()})["fuels"])


def _groups(row: Mapping[str, Any], rule: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(group["fuels"]) for group in row.get(rule, ()))


def _fuels(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(row["fuel"] for row in rows)
