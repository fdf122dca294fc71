"""The port behind which providers' secrets are stored."""

from typing import Protocol


class SecretStore(Protocol):
    """Reads decrypted secrets by their full name."""

    def get(self, name: str) -> str | None:
        """Return the secret, or ``None`` when it does not exist."""
        ...
