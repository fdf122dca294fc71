"""The DynamoDB client, made by botocore alone and once per process."""

from typing import TYPE_CHECKING, cast

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import get_session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class _OneService(Loader):
    """The client's models, of which one is wanted: the list of all is three thousand look-ups."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - has all types
        return ["dynamodb"]


def dynamodb_client(
    *, connect_timeout_s: float = 1.0, read_timeout_s: float = 2.0, attempts: int = 3
) -> "DynamoDBClient":
    """Make a client; make it once per process, since that costs more than many calls.

    ``attempts`` counts the first try too. By botocore alone: boto3 would add a quarter to a cold
    start for S3 transfers and resources that nothing here uses.
    """
    session = get_session()
    session.register_component("data_loader", _OneService())
    client = session.create_client(
        "dynamodb",
        config=Config(
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            # Its own tells of the machine, anew for each request and for an eighth of its cost;
            # this one is what an audit trail shows.
            user_agent="greenstream",
            # The table refuses what is malformed; to look first costs an eighth of each write.
            parameter_validation=False,
        ),
    )
    return cast("DynamoDBClient", client)
