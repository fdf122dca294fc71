"""Loads packages of others from the folder into which `make validate` installs them."""

import importlib
import sys
from pathlib import Path
from typing import Any


def peer_module(peers: Path, name: str) -> Any:  # noqa: ANN401 - a module without types
    """Return a module of a package that is installed in a folder of its own.

    The packages stay out of the project's environment, since one of them must not change what the
    product runs with.

    Raises
    ------
    ImportError
        When the package is not there.
    """
    sys.path.insert(0, str(peers))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(peers))
