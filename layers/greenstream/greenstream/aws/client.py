"""The DynamoDB client. Botocore alone makes it, once per process."""

from typing import TYPE_CHECKING, cast

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import get_session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class _DynamoDbLoader(Loader):
    """Lists DynamoDB as the only service, since listing all takes three thousand file look-ups."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - has all types
        return ["dynamodb"]


def dynamodb_client(
    *, connect_timeout_s: float = 1.0, read_timeout_s: float = 2.0, attempts: int = 3
) -> "DynamoDBClient":
    """Make a client. A process should make only one, since that costs more than many calls.

    boto3 is not used: it would make a cold start a quarter longer, for transfers to S3 and for
    resources that no function uses.

    Parameters
    ----------
    connect_timeout_s, read_timeout_s
        How long the client waits for a connection, and for each piece of an answer, in seconds.
    attempts
        How often a request is sent at most; the first time counts.
    """
    session = get_session()
    session.register_component("data_loader", _DynamoDbLoader())
    client = session.create_client(
        "dynamodb",
        config=Config(
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            # Botocore's own user agent describes the machine and is built anew for each request,
            # which takes an eighth of its time. An audit trail shows this one.
            user_agent="greenstream",
            # The table refuses malformed requests. To check them here takes an eighth of a write.
            parameter_validation=False,
        ),
    )
    return cast("DynamoDBClient", client)
