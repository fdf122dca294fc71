"""Secrets from SSM Parameter Store, decrypted, kept for five minutes by Powertools."""

from typing import Final

from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config
from botocore.exceptions import ClientError

MAX_AGE_S: Final = 300
"""A rotated key is picked up within this time; a poll every five minutes reads it once."""


class SsmSecrets:
    """The `settings.SecretStore` port on SSM SecureString parameters."""

    def __init__(self, provider: SSMProvider | None = None) -> None:
        # The default read time-out of 60 s would eat a whole run.
        self._provider = provider or SSMProvider(
            boto_config=Config(connect_timeout=1, read_timeout=2, retries={"max_attempts": 2})
        )

    def get(self, name: str) -> str | None:
        """Return the secret, or ``None`` when it does not exist or holds only white space.

        Raises
        ------
        GetParameterError
            When Parameter Store refuses or cannot be reached: that is not "unconfigured".
        """
        try:
            value = self._provider.get(name, max_age=MAX_AGE_S, decrypt=True)
        except GetParameterError as error:
            cause = error.__context__
            if isinstance(cause, ClientError) and (
                cause.response["Error"]["Code"] == "ParameterNotFound"
            ):
                return None
            raise
        return value.strip() or None if isinstance(value, str) else None
