"""The package's data files (``data/*.json``): facts with a source in each row.

``data/README.md`` says what each file holds and how to add a row to it.
"""

import json
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parents[1] / "data"
"""The folder of the files. `importlib.resources` would add 6 ms to each cold start."""


def load(name: str) -> Any:  # noqa: ANN401 - JSON
    """Parse the data file of that name; callers cache what they make of it.

    Raises
    ------
    FileNotFoundError
        When the package has no such file.
    """
    return json.loads((DATA / name).read_bytes())
