"""Right grid: the zone of each place beside what public tables and maps say of it."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from greenstream.domain.places import PlaceKind, Pop, places
from greenstream.domain.zones import zones
from infra.validation.reasons import reasons_of
from infra.validation.row import Material, Row

QUESTION: Final = "right grid"
CLAIMS: Final = ("em_table", "gsf_em", "umassos", "em_polygon")
"""Columns of claims, which name a grid by Electricity Maps' key."""

EPA_CLAIM: Final = "zip_ba"
"""The column of the US balancing authority (EIA's code) by the ZIP code of the place."""

AUTHORITIES: Final[Mapping[str, str]] = {
    "CAISO": "CISO",
    "NYISO": "NYIS",
    "PJM": "PJM",
    "MISO": "MISO",
    "ISONE": "ISNE",
    "Ercot": "ERCO",
    "SPP": "SWPP",
}
"""EIA's code of each grid that the gridstatus library reads."""

NEAR: Final = "~"
"""Before a claim of the map when the place is just outside the grid's outline, as on a coast."""

KINDS: Final[Mapping[PlaceKind, str]] = {
    PlaceKind.POP: "POPs",
    PlaceKind.COLO: "other data centres of Cloudflare",
    PlaceKind.REGION: "cloud regions",
}


def rows(material: Material) -> Iterator[Row]:
    """Yield the rows of the question, one for each kind of place."""
    file = material.datasets / "places" / "place_grid.csv"
    for kind, name in KINDS.items():
        against = (
            f"public claims about the {name}: Electricity Maps' table and map, the Green Software "
            "Foundation's table, umassos' table, EPA's utilities by ZIP code"
        )
        if file.is_file():
            mine = [place for place in places().values() if place.kind is kind]
            yield _claims(mine, claims_of(file), against)
        else:
            yield Row.not_run(QUESTION, against, "the table of claims is not there")


Claims = Mapping[str, frozenset[str]]
"""What is claimed of each place, by its name: keys of Electricity Maps and codes of EIA."""


def claims_of(file: Path) -> Claims:
    """Return the claims of the table, which names colos by their code."""
    with file.open(newline="", encoding="utf-8") as lines:
        return {
            line["place"].lower()
            if line["kind"] == "colo"
            else f"{line['kind']}:{line['place']}": (
                frozenset(line[name].lstrip(NEAR) for name in (*CLAIMS, EPA_CLAIM) if line[name])
            )
            for line in csv.DictReader(lines)
        }


def _claims(mine: Sequence[Pop], claimed: Claims, against: str) -> Row:
    counts: Counter[str] = Counter()
    reasons = reasons_of("claims")
    without, detail = [], []
    for place in mine:
        claims = claimed.get(place.pop, frozenset())
        zone = place.zones[0].zone
        if not claims:
            counts["without a claim"] += 1
            continue
        agreeing = {claim for claim in claims if _is_of(claim, zone)}
        if agreeing == claims:
            counts["agree"] += 1
        elif agreeing:
            counts["with claims that contradict each other"] += 1
            detail.append((place.pop, zone, " or ".join(sorted(claims)), place.source))
        elif reason := reasons.get(place.pop):
            counts["dissent for a reason"] += 1
            detail.append((place.pop, zone, " or ".join(sorted(claims)), reason.text))
        else:
            counts["dissent without a reason"] += 1
            without.append(f"{place.pop} ({zone}; claimed: {' or '.join(sorted(claims))})")
    said = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    row = Row.judged(
        QUESTION,
        against,
        f"{len(mine)} places: {said}" + (f": {', '.join(without)}" if without else ""),
        "where no claim agrees, there is a reason",
        held=not without and counts["agree"] > 0,
    )
    return replace(row, head=("place", "our zone", "claimed", "reason"), detail=tuple(detail))


def _is_of(claim: str, zone: str) -> bool:
    """Return whether a claim means the grid of a zone, or the country that it is a part of."""
    row = zones()[zone]
    sources = row.sources
    keys = {source.provider_zone for source in sources if source.provider == "electricitymaps"}
    codes = {source.provider_zone for source in sources if source.provider == "eia"}
    codes |= {AUTHORITIES[s.provider_zone] for s in sources if s.provider == "gridstatus"}
    return claim in keys | codes or claim in {row.country, *(key.split("-")[0] for key in keys)}
