"""The version of this package."""

from typing import Final

VERSION: Final = "0.2.0"
"""The version of `pyproject.toml`, which does not ship with a function."""
