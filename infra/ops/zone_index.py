"""Makes the index of zones, which a process reads at its start, from ``zones.json``.

``python -m infra.ops.zone_index --write`` writes it. The index leaves out what only readers need:
where each figure comes from, and how far the hours of a year lie from each other. A zone is a line
of its name and its row as JSON, so that a process which asks about few zones parses few rows.
"""

import argparse
import json
import sys
from typing import Any, Final

from greenstream.domain.tables import DATA
from greenstream.domain.zones import INDEX

TABLE: Final = "zones.json"
PROSE: Final = ("source", "hourly_spread")
"""Members of a row, and of its yearly means, that the index leaves out."""


def index_of(rows: list[dict[str, Any]]) -> str:
    """Return the index of the rows of ``zones.json``."""
    return "".join(f"{row['zone']} {_row(row)}\n" for row in rows)


def _row(row: dict[str, Any]) -> str:
    short = _without_prose(row)
    short["annual_means"] = [_without_prose(mean) for mean in row["annual_means"]]
    del short["zone"]
    return json.dumps(short, separators=(",", ":"))


def _without_prose(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in PROSE}


def main() -> int:
    """Print the index, or write it."""
    parser = argparse.ArgumentParser(description="Make the index of zones.")
    parser.add_argument("--write", action="store_true", help=f"write it into data/{INDEX}")
    text = index_of(json.loads((DATA / TABLE).read_text(encoding="utf-8"))["zones"])
    if parser.parse_args().write:
        (DATA / INDEX).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
