"""Why a figure of the product stands although another one is far from it."""

import json
from pathlib import Path
from typing import Final, NamedTuple

FILE: Final = Path(__file__).with_name("reasons.json")


class Reason(NamedTuple):
    """Why our figure is far from theirs. It is doubtful where theirs is likely nearer the truth."""

    text: str
    doubtful: bool = False


def reasons_of(against: str) -> dict[str, Reason]:
    """Return the reasons of one comparison by the name of the zone or the place."""
    entries = json.loads(FILE.read_text(encoding="utf-8"))["reasons"]
    return {
        name: Reason(entry["reason"], entry.get("doubtful", False))
        for entry in entries
        if entry["against"] == against
        for name in entry["names"]
    }
