"""The settings of a function: environment variables, which are read and checked at its start."""

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
        The name of the readings' table (``TABLE_NAME``).
    simulated
        Whether a simulator stands for the upstreams (``UPSTREAM=simulated``, else ``live``).
        Every reading then carries the mark ``simulated``.
    secrets_prefix
        The beginning of the names of the stage's secrets (``SECRETS_PREFIX``); empty when the
        stage has no secret store.
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
            When a variable is missing or has no valid value.
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

    A local run has the secret in the environment variable ``name``, which takes precedence. Else
    the secret store is asked for ``<secrets_prefix>/<provider>/<name>``.

    Raises
    ------
    greenstream.ports.secrets.SecretsError
        When the secret store cannot say whether the secret exists.
    """
    if value := environ.get(name, "").strip():
        return value
    if not settings.secrets_prefix:
        return None
    return store.get(f"{settings.secrets_prefix}/{provider}/{name}")
