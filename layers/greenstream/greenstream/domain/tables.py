"""The package's data files: facts with a source in each row, read as JSON."""

import json
from importlib.resources import files
from typing import Any


def load(name: str) -> Any:  # noqa: ANN401 - JSON
    """Parse one of the package's data files."""
    return json.loads(files("greenstream").joinpath("data", name).read_bytes())
