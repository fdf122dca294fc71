"""Right age: the age that the product states beside the age that others' reading gives."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from greenstream.domain.reading import Basis
from infra.validation.mixes import documents, read_by_entsoe_py, zone_of
from infra.validation.pipeline import history_of
from infra.validation.row import Material, Row

QUESTION: Final = "right age"
CREATED: Final = re.compile(r"<createdDateTime>([^<]+)Z</createdDateTime>")
SAME_DAY: Final = timedelta(days=3)
"""A document that was made later than this after its figures was asked for as history."""


def rows(material: Material) -> Iterator[Row]:
    """Yield the rows of the question."""
    yield _entsoe(material)
    yield Row.not_run(
        QUESTION,
        "the usual delay of each live feed (`max_age_s` of its row in zones.json)",
        "no feed could be watched: the first day of a live run has to record publication times",
    )


def _entsoe(material: Material) -> Row:
    against = (
        "recorded ENTSO-E documents, read when the platform made them: the end of the newest "
        "interval by entsoe-py 0.8.1"
    )
    if not (material.peers / "entsoe").is_dir():
        return Row.not_run(QUESTION, against, "entsoe-py is not installed; `make validate` does")
    lines, compared, worst_s = [], 0, 0.0
    for path in documents(material.recordings):
        try:
            zone, domain = zone_of(path)
        except LookupError:
            continue
        created = CREATED.search(path.read_text(encoding="utf-8"))
        cells = read_by_entsoe_py(path, material.peers)
        starts = sorted({begin for _, consumed, begin in cells if not consumed})
        end = starts[-1] + min(b - a for a, b in itertools.pairwise(starts))
        if created is None:
            continue
        made = datetime.fromisoformat(created[1]).replace(tzinfo=UTC)
        # A document of history stands for one that was made an hour after its last interval.
        at = made if made - end <= SAME_DAY else end + timedelta(hours=1)
        stored = history_of("entsoe", zone, [(at, f"*{domain}*", path.read_bytes())], "text/xml")
        ends = [r.valid_to for r in stored if r.kind.basis is Basis.DIRECT]
        if not ends:
            lines.append(f"{zone} nothing stored")
            worst_s = float("inf")
            continue
        compared += 1
        stated_s = (at - max(ends)).total_seconds()
        worst_s = max(worst_s, abs(stated_s - (at - end).total_seconds()))
        lines.append(f"{zone} {stated_s / 60:.0f} min")
    if not lines:
        return Row.not_run(QUESTION, against, "no recorded document is there")
    return Row.judged(
        QUESTION,
        against,
        f"{compared} documents: {', '.join(lines)}; largest difference {worst_s:.0f} s",
        "0 s",
        held=compared > 0 and worst_s == 0,
    )
