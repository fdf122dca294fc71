"""Why a figure of the product stands although another one is far from it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("reasons.json")


def reasons_of(against: str) -> Mapping[str, str]:
    """Return the reasons of one comparison by the name of the zone or the place."""
    entries = json.loads(FILE.read_text(encoding="utf-8"))["reasons"]
    return {
        name: entry["reason"]
        for entry in entries
        if entry["against"] == against
        for name in entry["names"]
    }
