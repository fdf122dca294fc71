"""``greenstream zones``: list the figure of every zone, or show all that is known of one."""

import argparse
from typing import Any

from greenstream.cli.asking import Asker, add_options
from greenstream.cli.errors import UnusableError
from greenstream.cli.table import age, aligned, figure


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    zones = commands.add_parser("zones")
    zones.add_argument("name", nargs="?", help="one zone: GBR-13, NYISO (default: a list of all)")
    zones.add_argument("--signal", help="average or marginal (of the list)")
    zones.add_argument("--basis", help="direct or lifecycle (of the list)")
    add_options(zones)
    zones.set_defaults(do=_zones)


def _zones(arguments: argparse.Namespace) -> int:
    name, kinds = arguments.name, {"signal": arguments.signal, "basis": arguments.basis}
    if name is None:
        answer = Asker.of(arguments).ask("/v1/zones", kinds)
        said = listing(answer.body)
    elif any(kinds.values()):
        raise UnusableError("--signal and --basis are of the list; a zone is shown with all kinds")
    else:
        answer = Asker.of(arguments).ask(f"/v1/zones/{name}", {})
        said = details(answer.body)
    print(answer.as_json() if arguments.json else answer.as_text(said))
    return 0


def listing(answer: dict[str, Any]) -> str:
    """Return the answer of ``/v1/zones`` as lines, one for each zone."""
    counts = answer["figures"]
    head = (
        f"{len(answer['zones'])} zones: {counts['live']} with a live figure, "
        f"{counts['fallback']} on usual values, {counts['none']} without a figure"
    )
    rows = [(row["zone"], row["name"], *_figure(row)) for row in answer["zones"]]
    return "\n".join([head, *aligned(rows)])


def details(answer: dict[str, Any]) -> str:
    """Return the answer of ``/v1/zones/{zone}`` as lines: the figure, and what it rests on."""
    facts = [
        ("figure", *_figure(answer)),
        ("expected by now", *_expected(answer)),
        *(
            (
                f"source {source['provider']}",
                "",
                f"{source['signal']}/{'|'.join(source['bases'])}",
                source["scope"],
                source["provider_state"],
                age(source["age_s"]) or "no reading",
                source["provider_zone"],
            )
            for source in answer["sources"]
        ),
        *(
            (
                f"mean of {mean['year']}",
                figure(mean["gco2_kwh"]),
                f"{mean['signal']}/{mean['basis']}",
                mean["scope"],
                mean["factor_set"],
                "",
                mean["source"],
            )
            for mean in answer["annual_means"]
        ),
    ]
    head = f"{answer['zone']}: {answer['name']} ({answer['country']}, {answer['time_zone']})"
    hours = sum(len(profile["hours_utc"]) for profile in answer["profile"])
    forecasts = [
        f"forecast of {forecast['provider']}, {forecast['signal']}/{forecast['basis']}, "
        f"until {forecast['points'][-1]['valid_to']}"
        for forecast in answer["forecasts"] or []
        if forecast["points"]
    ]
    known = [*forecasts, f"{hours} hours of hour profiles" if hours else "no hour profile"]
    return "\n".join([head, *aligned(facts), *known])


def _figure(row: dict[str, Any]) -> tuple[str, str, str, str, str, str]:
    """Return a figure with its kind, its scope, its rung, its age and its source."""
    kind = "" if row["signal"] is None else f"{row['signal']}/{row['basis']}"
    source = row["provider"] or row["note"] or ""
    return (
        figure(row["gco2_kwh"]),
        kind,
        row["scope"] or "",
        row["rung"],
        age(row["age_s"]),
        source,
    )


def _expected(row: dict[str, Any]) -> tuple[str, str, str, str, str, str]:
    """Return the value expected by now, with how far it may be wrong."""
    doubt = row["doubt_gco2_kwh"]
    said = "" if doubt is None else f"give or take {doubt:.0f} g/kWh"
    return figure(row["expected_gco2_kwh"]), "", "", "", "", said
