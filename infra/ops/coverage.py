"""``greenstream coverage``: how many places have a live feed, a profile or a yearly mean.

``greenstream coverage --write`` writes the table of them into ``README.md``. The counts are of the
tables: which zones have a feed, and which feeds need a key. They say what a stack can know and not
what it knows now.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from greenstream.domain.places import Pop, colos, place, places
from greenstream.domain.zones import Source, zones
from infra.local.providers_cli import LATE_BY_HABIT
from infra.registry import COLLECTORS

LIVE: Final = "live"
PROFILE: Final = "profile"
"""Only a provider whose figures come days late has the zone: its profile of the hour stands."""

BUDGET: Final = "within_budget"
"""Only a provider with an hourly budget has the zone: it reads some of its zones each hour."""

MEAN: Final = "annual_mean"
NONE: Final = "none"
STEPS: Final = (LIVE, PROFILE, BUDGET, MEAN, NONE)

README: Final = Path(__file__).resolve().parents[2] / "README.md"
START: Final = "<!-- coverage: greenstream coverage --write -->"
END: Final = "<!-- /coverage -->"


@dataclass(frozen=True, slots=True)
class Covered:
    """The best that a place can have: its step, and the feed that gives it."""

    step: str
    feed: str


def is_read(source: Source, *, keys: bool) -> bool:
    """Return whether a feed is read by the template's settings, with all keys or with none.

    A provider whose library reads several grids needs a key only for the grid that the key's name
    begins with, and reads only the grids that its setting lists. A source that is only shown beside
    the others ranks no place.
    """
    if source.beside:
        return False
    row = COLLECTORS[source.provider]
    listed = row.settings.get(f"{source.provider.upper()}_ZONES")
    if listed is None:
        return keys or not row.secrets
    own = any(secret.startswith(f"{source.provider_zone.upper()}_") for secret in row.secrets)
    return source.provider_zone in listed.split(",") and (keys or not own)


def covered(pop: Pop, *, keys: bool) -> Covered:
    """Return the best that a place can have.

    A neighbour's grid stands in only where nothing is known of the place's own, as in answers.
    """
    best = min(
        pop.zones,
        key=lambda entry: (_of_zone(entry.zone, keys=keys).step == NONE, entry.proxy),
    )
    return _of_zone(best.zone, keys=keys)


def _of_zone(name: str, *, keys: bool) -> Covered:
    zone = zones()[name]
    read = [source.provider for source in zone.sources if is_read(source, keys=keys)]
    always = [provider for provider in read if not _has_budget(provider)]
    if live := [provider for provider in always if provider not in LATE_BY_HABIT]:
        return Covered(LIVE, live[0])
    if always:
        return Covered(PROFILE, always[0])
    if read:
        return Covered(BUDGET, read[0])
    return Covered(MEAN if zone.annual_means else NONE, "")


def _has_budget(provider: str) -> bool:
    return any(setting.endswith("_BUDGET") for setting in COLLECTORS[provider].settings)


def groups() -> dict[str, Sequence[Pop]]:
    """Return the places that the goals count: all colos, and the public cloud regions."""
    return {
        "colos": [place(code.lower()) for code in colos()],
        "public regions": [known for known in places().values() if known.status == "public"],
    }


def counts() -> dict[str, Any]:
    """Return by group, with and without keys, the places of each step and of each feed."""
    return {
        name: {
            "places": len(members),
            "keys_off": _counted(covered(member, keys=False) for member in members),
            "keys_on": _counted(covered(member, keys=True) for member in members),
            "without_figure": [
                member.pop for member in members if covered(member, keys=True).step == NONE
            ],
        }
        for name, members in groups().items()
    }


def _counted(listed: Iterable[Covered]) -> dict[str, Any]:
    rows = list(listed)
    return {
        **{step: sum(row.step == step for row in rows) for step in STEPS},
        "by_feed": dict(Counter(row.feed for row in rows if row.step == LIVE).most_common()),
    }


def as_text(counted: dict[str, Any]) -> str:
    """Return the counts as lines of text."""
    lines = []
    for name, group in counted.items():
        lines.append(f"{group['places']} {name}")
        for keys in ("keys_off", "keys_on"):
            row = group[keys]
            feeds = ", ".join(f"{feed} {count}" for feed, count in row["by_feed"].items())
            shown = (
                f"with a live feed {row[LIVE]:3}",
                f"on the profile of the hour {row[PROFILE]:3}",
                f"within an hourly budget {row[BUDGET]:3}",
                f"on the yearly mean {row[MEAN]:3}",
                f"without a figure {row[NONE]}",
            )
            lines.append(f"  {keys.replace('_', ' '):8}  {', '.join(shown)}: {feeds}")
        left_out = ", ".join(group["without_figure"]) or "none"
        lines.append(f"  left out: {left_out}")
    others = [known for known in places().values() if known.status not in {None, "public"}]
    lines.append(
        f"{len(others)} other regions (new, restricted or a cloud of their own) answer too: "
        + ", ".join(known.pop for known in others)
    )
    return "\n".join(lines)


def markdown(counted: dict[str, Any]) -> str:
    """Return the counts as the table of ``README.md``."""
    lines = [
        "| places | keys | live or partly | EIA profile | hourly budget | yearly mean | by feed |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, group in counted.items():
        for keys in ("keys_off", "keys_on"):
            row = group[keys]
            steps = " | ".join(str(row[step]) for step in (LIVE, PROFILE, BUDGET, MEAN))
            feeds = ", ".join(f"`{feed}` {count}" for feed, count in row["by_feed"].items())
            with_keys = "all" if keys == "keys_on" else "none"
            lines.append(f"| {group['places']} {name} | {with_keys} | {steps} | {feeds} |")
    return "\n".join(lines)


def shown() -> str:
    """Return the table that ``README.md`` shows."""
    _, _, rest = README.read_text(encoding="utf-8").partition(START)
    return rest.partition(END)[0].strip()


def _write(counted: dict[str, Any]) -> None:
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    table = f"{before}{START}\n{markdown(counted)}\n{END}{after}"
    README.write_text(table, encoding="utf-8")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    coverage = commands.add_parser("coverage")
    coverage.add_argument("--json", action="store_true", help="print the counts as JSON")
    coverage.add_argument("--write", action="store_true", help="write the table into README.md")
    coverage.set_defaults(do=_coverage)


def _coverage(arguments: argparse.Namespace) -> int:
    counted = counts()
    if arguments.write:
        _write(counted)
        return 0
    print(json.dumps(counted, indent=1) if arguments.json else as_text(counted))
    return 0
