"""Right grid: the zone of each place beside what public tables and maps say of it."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from greenstream.domain.places import pops
from greenstream.domain.zones import zones
from infra.validation.reasons import reasons_of
from infra.validation.row import Material, Row

QUESTION: Final = "right grid"
CLAIMS: Final = ("em_table", "gsf_em", "umassos", "em_polygon")
"""Columns of claims, which name a grid by Electricity Maps' key."""

NEAR: Final = "~"
"""Before a claim of the map when the place is just outside the grid's outline, as on a coast."""


def rows(material: Material) -> Iterator[Row]:
    """Yield the rows of the question."""
    yield _claims(material.datasets / "places" / "place_grid.csv")


def _claims(file: Path) -> Row:
    against = (
        "public claims about the same places: Electricity Maps' table and map, the Green Software "
        "Foundation's table, umassos' table"
    )
    if not file.is_file():
        return Row.not_run(QUESTION, against, "the table of claims is not there")
    with file.open(newline="", encoding="utf-8") as lines:
        claimed = {line["place"]: line for line in csv.DictReader(lines) if line["kind"] == "colo"}
    counts: Counter[str] = Counter()
    reasons = reasons_of("claims")
    without, detail = [], []
    for pop in pops().values():
        line = claimed.get(pop.pop.upper())
        claims = {line[name].lstrip(NEAR) for name in CLAIMS if line[name]} if line else set()
        if not claims:
            counts["without a claim"] += 1
            continue
        keys = _keys(pop.zones[0].zone)
        if claims & keys or any(key.split("-")[0] in claims for key in keys):
            counts["agree"] += 1
        elif reason := reasons.get(pop.pop):
            counts["dissent for a reason"] += 1
            detail.append((pop.pop, pop.zones[0].zone, " or ".join(sorted(claims)), reason.text))
        else:
            counts["dissent without a reason"] += 1
            without.append(f"{pop.pop} ({pop.zones[0].zone})")
    said = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    row = Row.judged(
        QUESTION,
        against,
        f"{len(pops())} places: {said}" + (f": {', '.join(without)}" if without else ""),
        "each dissent has its reason",
        held=not without and counts["agree"] > 0,
    )
    return replace(row, head=("place", "our zone", "claimed", "reason"), detail=tuple(detail))


def _keys(zone: str) -> set[str]:
    """Return Electricity Maps' keys of a zone."""
    return {s.provider_zone for s in zones()[zone].sources if s.provider == "electricitymaps"}
