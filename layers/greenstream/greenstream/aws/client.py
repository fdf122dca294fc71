"""The client of the table as the environment describes it: endpoint, Region and credentials."""

import os
from collections.abc import Callable, Mapping

from greenstream.aws.dynamodb import USUAL_LIMITS, Credentials, DynamoDb, Endpoint, Limits


def dynamodb_client(
    limits: Limits = USUAL_LIMITS, *, environ: Mapping[str, str] = os.environ
) -> DynamoDb:
    """Make a client. A process should make only one, so that its requests share connections.

    Lambda sets a Region and credentials as environment variables. Where one of them is missing, as
    with a profile or under SnapStart, botocore finds them where it always looks, which is slower.

    Parameters
    ----------
    limits
        The limits of one request.
    environ
        The environment variables. ``AWS_ENDPOINT_URL_DYNAMODB`` and ``AWS_ENDPOINT_URL`` name
        another service than AWS's own, and ``AWS_CA_BUNDLE`` other authorities than the system's.

    Raises
    ------
    botocore.exceptions.BotoCoreError
        When there is no Region or there are no credentials.
    """
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    credentials = _of_environment(environ)
    if region and credentials:
        own = environ.get("AWS_ENDPOINT_URL_DYNAMODB") or environ.get("AWS_ENDPOINT_URL")
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        url, ask = own or f"https://dynamodb.{region}.{suffix}", _always(credentials)
    else:
        url, region, ask = _of_botocore()
    return DynamoDb(Endpoint(url, region, environ.get("AWS_CA_BUNDLE") or None), ask, limits)


def _of_environment(environ: Mapping[str, str]) -> Credentials | None:
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        return None
    return Credentials(access_key, secret_key, environ.get("AWS_SESSION_TOKEN") or None)


def _always(credentials: Credentials) -> Callable[[], Credentials]:
    return lambda: credentials


def _of_botocore() -> tuple[str, str, Callable[[], Credentials]]:
    """Return the endpoint, the Region and the credentials that botocore finds.

    Raises
    ------
    botocore.exceptions.BotoCoreError
        When botocore finds no Region or no credentials.
    """
    from botocore.exceptions import NoCredentialsError  # noqa: PLC0415 - most starts need none
    from botocore.session import get_session  # noqa: PLC0415

    session = get_session()
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    of_service = session.create_client("dynamodb").meta

    def renewed() -> Credentials:
        frozen = credentials.get_frozen_credentials()
        return Credentials(str(frozen.access_key), str(frozen.secret_key), frozen.token)

    return of_service.endpoint_url, of_service.region_name, renewed
