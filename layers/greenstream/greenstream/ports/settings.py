"""Settings that an environment or a command line gives as text."""

from collections.abc import Mapping


class SettingsError(Exception):
    """A setting is missing or has no valid value. The message names the setting."""


def required(name: str, environ: Mapping[str, str]) -> str:
    """Return the value of a setting that must not be missing.

    Raises
    ------
    SettingsError
        When the setting is missing or empty.
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
        When the setting is missing or has another value.
    """
    value = required(name, environ)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise SettingsError(f"{name} must be a whole number above 0, not {value!r}")
    return int(value)
