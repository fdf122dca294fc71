"""How the emulated AWS is started, and the address and key that its clients need."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Emulator:
    """The address and the root key of one emulated AWS, both made anew for each stack.

    The address ends with the secret that the guard wants in every request. The key id is a secret
    too, because ministack does not check the signatures of the root key.
    """

    endpoint_url: str
    access_key_id: str
    secret_access_key: str

    @classmethod
    def new(cls, host: str, port: int) -> Self:
        """Return a new address and root key, for an emulator that has not started yet."""
        return cls(
            f"http://{host}:{port}/{secrets.token_hex(16)}",
            f"AKIA{secrets.token_hex(16).upper()}",
            secrets.token_hex(20),
        )

    def environment_of_sam(self, region: str) -> dict[str, str]:
        """Return the environment with which SAM deploys to it; `infra.local.guard` explains it."""
        address = urlsplit(self.endpoint_url)
        return {
            "AWS_ENDPOINT_URL": f"{address.scheme}://{address.netloc}",
            "AWS_SDK_UA_APP_ID": address.path.removeprefix("/"),
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "NO_PROXY": str(address.hostname),
            "no_proxy": str(address.hostname),
        }

    @staticmethod
    def argv(tools: Path) -> list[str]:
        """Return the command that starts the emulator behind the guard; ``tools`` is ``.tools``."""
        python = tools / "ministack/bin/python"
        return [str(python), "-P", str(Path(__file__).with_name("guard.py"))]

    def environment(self, home: Path, region: str, *, iam: bool) -> dict[str, str]:
        """Return the whole environment of the emulator, which passes it on to the functions.

        Parameters
        ----------
        home
            The folder in which it unpacks functions and layers.
        iam
            Whether it enforces signatures and policies.
        """
        address = urlsplit(self.endpoint_url)
        host = str(address.hostname)
        return {
            "PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8",
            "BIND_HOST": host, "MINISTACK_HOST": host, "GATEWAY_PORT": str(address.port),
            "MINISTACK_REGION": region, "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0",
            "AWS_ENDPOINT_URL": self.endpoint_url, "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key, "AUTH": str(iam).lower(),
        }  # fmt: skip
