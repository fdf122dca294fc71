"""The package's data files (``data/*.json``): facts with a source in each row.

``data/README.md`` says what each file holds and how to add a row to it.
"""

import json
from importlib.resources import files
from typing import Any


def load(name: str) -> Any:  # noqa: ANN401 - JSON
    """Parse the data file of that name; callers cache what they make of it.

    Raises
    ------
    FileNotFoundError
        When the package has no such file.
    """
    return json.loads(files("greenstream").joinpath("data", name).read_bytes())
