"""The page that `greenstream run` shows in the terminal: the POPs, a decision, and all places."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final
from urllib.parse import quote

from greenstream.domain.ladder import Freshness, Rung
from greenstream.domain.places import Pop, places, pops, seed_pops
from infra.local.continents import continent_of, continents
from infra.local.stack import Stack

QUESTION: Final = f"/v1/route?pops={','.join(seed_pops())}"
"""The question for the six POPs, before its origin."""

ROUTE: Final = f"{QUESTION}&lat=40.7&lon=-74.0"
"""The question of a visitor in New York, which `greenstream invoke router` asks."""

AROUND = 4
"""Lines that the terminal shows below the page, with the one that is left to the cursor."""

WIDTH = 100
"""Characters in a line of a sentence, at most."""

CAPPED = "* the penalty is capped: by its age alone it would be higher"

COMPARED: Final = "the POPs show the figures that the decision compares"

COLUMNS: Final = (
    ("POP", "pop", ""),
    ("zone", "zone", ""),
    ("g/kWh", "gco2_kwh", ".0f"),
    ("signal", "signal", ""),
    ("basis", "basis", ""),
    ("scope", "scope", ""),
    ("factors", "factor_set", ""),
    ("provider", "provider", ""),
    ("age s", "age_s", ".0f"),
    ("expected", "expected_gco2_kwh", ".1f"),
    ("penalty", "penalty_gco2_kwh", ".1f"),
    ("adj_carbon", "adj_carbon_gco2_kwh", ".1f"),
    ("rung", "rung", ""),
)

SPARED: Final = ("expected", "adj_carbon", "penalty", "factors", "signal", "basis", "scope")
"""The columns that a narrow terminal leaves out, the first one first.

The signal and the basis of all figures stand below the table too.
"""

RUNGS: Final[Mapping[str, str]] = {
    Rung.LIVE: "live",
    Rung.LIVE_PARTIAL: "live_partial",
    Rung.STALE: "stale",
    Rung.SAME_HOUR: "hour profile",
    Rung.ANNUAL_MEAN: "yearly mean",
    Rung.NONE: "nothing known",
}
"""The rungs in the table of places, each with its title."""


ALWAYS: Final = (Rung.LIVE, Rung.LIVE_PARTIAL, Rung.SAME_HOUR, Rung.ANNUAL_MEAN)
"""The rungs that the table of places has even where no place is on them."""


def page(stack: Stack, rows: int | None = None, width: int | None = None) -> str:
    """Ask the router and return its answers as text.

    Parameters
    ----------
    stack
        The running stack.
    rows, width
        The lines and the characters of a line that the terminal has, or ``None`` where the text is
        not for a terminal.

    Raises
    ------
    StackError
        When the router does not answer, or answers with an error.
    """
    zones, health = stack.get("/v1/zones"), stack.get("/v1/health")
    decisions = {
        pop.name: stack.get(f"{QUESTION}&from={quote(pop.pop)}")
        for pop in map(pops().__getitem__, seed_pops())
    }
    return render(stack, zones, decisions, health, rows, width)


def render(
    stack: Stack,
    zones: Mapping[str, Any],
    decisions: Mapping[str, Mapping[str, Any]],
    health: Mapping[str, Any],
    rows: int | None = None,
    width: int | None = None,
) -> str:
    """Return the answers of ``/v1/zones``, ``/v1/route`` and ``/v1/health`` as text.

    The POPs come first, with the figures that the decision compares, because a zone may have a
    newer figure of another kind. How good the figures are is what ``/v1/health`` and ``/v1/route``
    say of themselves.

    Parameters
    ----------
    decisions
        The answers for the POPs, by the city of the visitor.
    """
    simulated = stack.upstream == "simulated" or zones["simulated"]
    city = example(decisions)
    route = decisions[city]
    kinds = ", ".join(route["ranking"]["kinds"])
    titles = _fitting(route["candidates"], width)
    sentences = [
        f"A visitor in {city}: {saving(route)}",
        route["reason_text"],
        f"figures of this decision: {_counts(route)}",
        _others(decisions),
    ]
    lines = [
        f"GreenStream — {_data(health, simulated=simulated)} — {zones['as_of']}",
        f"router {stack.router_url}",
        f"status page {stack.page_url}",
        *_wrapped(f"health {health['status']}; zones that have a source: {_counts(health)}", width),
        *_wrapped(health["degraded_reason"] or "", width),
        "",
        *table([titles, *(_cells(candidate, titles) for candidate in _in_order(route))]),
        *_wrapped(f"{COMPARED} ({kinds})", width),
        *([CAPPED] if "penalty" in titles and _any(route, "penalty_capped") else []),
        "",
        *(line for sentence in sentences for line in _wrapped(sentence, width)),
    ]
    by_continent = ["", *_by_continent(zones["zones"], width)]
    if rows is not None and len(lines) + len(by_continent) + AROUND > rows:
        by_continent = _wrapped("a higher terminal shows the places by continent as well", width)
    return "\n".join([*lines, *by_continent])


def example(decisions: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the visitor's city whose decision explains the router best.

    It is the first one whose request goes to a cleaner place than the nearest, by figures that are
    counted alike if there is such a one, and of whose candidates none rests on a neighbour's grid.
    Where there is none, such a decision without a saving comes before one that rests on a
    neighbour's grid.
    """

    def order(city: str) -> tuple[bool, ...]:
        route = decisions[city]
        return _any(route, "proxy_zone"), _saved(route) <= 0, not _alike(route)

    return min(decisions, key=order)


def _alike(route: Mapping[str, Any]) -> bool:
    """Return whether the figures of the chosen and the nearest place are counted alike."""
    pair = {route["pop"], (route["baseline"] or {}).get("pop")}
    ways = {
        tuple(candidate.get(way) for way in ("signal", "basis", "scope", "factor_set"))
        for candidate in route["candidates"]
        if candidate["pop"] in pair
    }
    return len(ways) == 1


def saving(route: Mapping[str, Any]) -> str:
    """Say where a request goes, and how its figure compares with that of the nearest place."""
    nearest = route["baseline"]
    if nearest is None:
        return f"the request goes to {route['pop']}; the nearest place is not known."
    if nearest["pop"] == route["pop"]:
        return f"the request goes to {route['pop']}, which is the nearest place too: no saving."
    difference = nearest["attributed_difference_gco2_kwh"]
    to = f"the request goes to {route['pop']} instead of {nearest['pop']}, the nearest place"
    if difference is None:
        return f"{to}; their figures cannot be compared."
    base = nearest["expected_gco2_kwh"]
    share = f" ({abs(difference) / base:.0%})" if base else ""
    word = "below" if difference >= 0 else "above"
    return (
        f"{to}: {base - difference:.0f} g/kWh expected, "
        f"which is {abs(difference):.0f} g/kWh{share} {word} {nearest['pop']}'s {base:.0f}."
    )


def _saved(route: Mapping[str, Any]) -> float:
    difference = (route["baseline"] or {}).get("attributed_difference_gco2_kwh")
    return difference if difference is not None else 0.0


def _others(decisions: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how many visitors' requests go to a cleaner place, since one is shown as an example."""
    saved = sum(_saved(route) > 0 for route in decisions.values())
    return (
        f"of {len(decisions)} visitors, one in each POP's city, {saved or 'none'} "
        f"{'go' if saved > 1 else 'goes'} to a place with less carbon than the nearest"
    )


def _any(route: Mapping[str, Any], member: str) -> bool:
    return any(candidate.get(member) for candidate in route["candidates"])


def _in_order(route: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the candidates in the table's order, which stays when another one becomes cleanest."""
    order = {pop: number for number, pop in enumerate(seed_pops())}
    return sorted(route["candidates"], key=lambda candidate: order[candidate["pop"]])


def _by_continent(zones: Sequence[Mapping[str, Any]], width: int | None) -> list[str]:
    """Return a table that counts the places of each continent by what stands for them."""
    rungs = {zone["zone"]: zone["rung"] for zone in zones}
    counts = Counter(
        (continent_of(place.country), _rung(place, rungs)) for place in places().values()
    )
    known = {rung for _, rung in counts}
    shown = [rung for rung in RUNGS if rung in known or rung in ALWAYS]
    rows = [["places", *(RUNGS[rung] for rung in shown)]]
    for continent in continents():
        of_continent = [counts[continent, rung] for rung in shown]
        if any(of_continent):
            rows.append([continent, *map(str, of_continent)])
    note = f"the places are {len(places())} data centres and cloud regions, each by the best figure"
    return [*table(rows), *_wrapped(f"{note} of any kind; the status page lists them", width)]


def _rung(place: Pop, rungs: Mapping[str, str]) -> str:
    """Return the rung of a place: a neighbour's grid stands in where nothing is known of its own.

    A zone without a source of its own is not in the answer of every version, and counts as unknown.
    """
    listed = [(rungs.get(entry.zone, Rung.NONE), entry.proxy) for entry in place.zones]
    return min(listed, key=lambda entry: (entry[0] == Rung.NONE, entry[1]))[0]


def _data(health: Mapping[str, Any], *, simulated: bool) -> str:
    """Return whether the figures are real, and whether any of them is live."""
    parts = ["SIMULATED data: no figure here is real"] if simulated else []
    if health["freshness"] != Freshness.LIVE:
        parts.append("nothing live")
    return " — ".join(parts) or "LIVE data"


def _counts(answer: Mapping[str, Any]) -> str:
    """Return how many figures of an answer are live, and plainly where none is."""
    counts = ", ".join(f"{count} {name}" for name, count in answer["figures"].items())
    return counts if answer["freshness"] == Freshness.LIVE else f"nothing live ({counts})"


def _wrapped(sentence: str, width: int | None) -> list[str]:
    return textwrap.wrap(sentence, min(width or WIDTH, WIDTH), break_on_hyphens=False)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with aligned columns; the first row is the heading."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _fitting(figures: Sequence[Mapping[str, Any]], width: int | None) -> list[str]:
    """Return the titles of the columns that fit into a line."""
    for spared in accumulate(((title,) for title in SPARED), initial=()):
        titles = [title for title, _, _ in COLUMNS if title not in spared]
        lines = table([titles, *(_cells(figure, titles) for figure in figures)])
        if width is None or max(map(len, lines)) <= width:
            break
    return titles


def _cells(figure: Mapping[str, Any], titles: Sequence[str]) -> list[str]:
    marks = {
        "penalty_gco2_kwh": "*" if figure.get("penalty_capped") else "",
        "rung": f"{', disputed' if figure.get('disputed') else ''}"
        f"{', proxy' if figure.get('proxy_zone') else ''}",
    }
    return [
        "" if (value := figure.get(field)) is None else f"{value:{spec}}{marks.get(field, '')}"
        for title, field, spec in COLUMNS
        if title in titles
    ]
