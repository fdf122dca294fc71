"""Reads the settings that come from outside, as an environment or a command line gives them."""

from collections.abc import Mapping


class SettingsError(Exception):
    """A setting is missing or cannot be understood; the message names it."""


def required(name: str, environ: Mapping[str, str]) -> str:
    """Return a setting that must be there.

    Raises
    ------
    SettingsError
        When it is missing or empty.
    """
    value = environ.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def required_count(name: str, environ: Mapping[str, str]) -> int:
    """Return a setting that must be a whole number above 0.

    Raises
    ------
    SettingsError
        When it is missing or anything else.
    """
    value = required(name, environ)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise SettingsError(f"{name} must be a whole number above 0, not {value!r}")
    return int(value)
