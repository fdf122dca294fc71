"""The port behind which providers' secrets are stored."""

from typing import Protocol


class SecretsError(Exception):
    """The secret store could not be reached or refused to answer.

    The message names the secret that was asked for and never holds its value.
    """


class SecretStore(Protocol):
    """Reads decrypted secrets by their full name."""

    def get(self, name: str) -> str | None:
        """Return the secret, or ``None`` when it does not exist.

        Raises
        ------
        SecretsError
            When the store cannot say whether the secret exists.
        """
        ...
