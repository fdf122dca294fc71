"""What a function is told by its environment: read once, checked at start, nowhere else."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from greenstream.ports.secrets import SecretStore
from greenstream.ports.settings import SettingsError, required


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that every function has.

    Parameters
    ----------
    table_name
        The readings table (``TABLE_NAME``).
    simulated
        Whether the upstreams are a simulator (``UPSTREAM=simulated``; ``live`` otherwise), so
        that every reading says so.
    secrets_prefix
        Where the stage's secrets are kept (``SECRETS_PREFIX``); empty when there is no such place.
    """

    table_name: str
    simulated: bool
    secrets_prefix: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the environment.

        Raises
        ------
        SettingsError
            Naming the variable that is missing or wrong.
        """
        upstream = environ.get("UPSTREAM") or "live"
        if upstream not in ("live", "simulated"):
            raise SettingsError(f"UPSTREAM must be live or simulated, not {upstream!r}")
        return cls(
            table_name=required("TABLE_NAME", environ),
            simulated=upstream == "simulated",
            secrets_prefix=environ.get("SECRETS_PREFIX", ""),
        )


def secret(
    provider: str,
    name: str,
    settings: Settings,
    store: SecretStore,
    environ: Mapping[str, str] = os.environ,
) -> str | None:
    """Return a provider's secret, or ``None`` when it is not configured.

    The environment variable ``name`` wins (local runs); else ``<prefix>/<provider>/<name>``.
    """
    if value := environ.get(name, "").strip():
        return value
    if not settings.secrets_prefix:
        return None
    return store.get(f"{settings.secrets_prefix}/{provider}/{name}")
