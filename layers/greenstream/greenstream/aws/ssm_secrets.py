"""The secret store on AWS Systems Manager Parameter Store.

Powertools decrypts the parameters and caches each for `MAX_AGE_S`.
"""

from typing import Final

from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config
from botocore.exceptions import ClientError

from greenstream.ports.secrets import SecretsError

MAX_AGE_S: Final = 300
"""How long a parameter is cached. A provider uses a rotated key within this time; one that polls
every five minutes reads its key once per poll."""


class SsmSecrets:
    """A `greenstream.ports.secrets.SecretStore` on SecureString parameters.

    Parameters
    ----------
    provider
        Powertools' client of Parameter Store; by default one with short time limits.
    """

    def __init__(self, provider: SSMProvider | None = None) -> None:
        # boto3 waits 60 s for an answer by default, which is longer than most runs may last.
        self._provider = provider or SSMProvider(
            boto_config=Config(connect_timeout=1, read_timeout=2, retries={"max_attempts": 2})
        )

    def get(self, name: str) -> str | None:
        """Return the secret, or ``None`` when it does not exist or holds only white space.

        Raises
        ------
        SecretsError
            When Parameter Store refuses or cannot be reached. The caller must not report the
            provider as unconfigured then, since the secret may well exist.
        """
        try:
            value = self._provider.get(name, max_age=MAX_AGE_S, decrypt=True)
        except GetParameterError as error:
            cause = error.__context__
            if isinstance(cause, ClientError) and (
                cause.response["Error"]["Code"] == "ParameterNotFound"
            ):
                return None
            raise SecretsError(f"{name} cannot be read: {error}") from cause
        return value.strip() or None if isinstance(value, str) else None
