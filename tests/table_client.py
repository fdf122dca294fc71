"""A table's client for tests: the project's own for what the store asks, boto3's for all else."""

import os
from collections.abc import Callable, Mapping
from typing import Any, cast

import boto3
from botocore.awsrequest import AWSPreparedRequest
from moto.core.models import botocore_stubber
from urllib3 import HTTPResponse

from greenstream.aws.dynamodb import Credentials, DynamoDb, Endpoint, Limits

Request = dict[str, Any]


class TableClient(DynamoDb):
    """The project's client at the address ``AWS_ENDPOINT_URL_DYNAMODB``.

    Every method that the project's client lacks is boto3's: tables are made, scanned and deleted
    by tests only.

    Attributes
    ----------
    before
        Functions that get the operation and the request before it is sent. They may change the
        request, or raise an error in its place.
    after
        Functions that get the operation and the answer; a refused write has an empty one.
    """

    def __init__(self, url: str | None = None, *, read_timeout_s: float = 10.0) -> None:
        endpoint = Endpoint(
            url or os.environ["AWS_ENDPOINT_URL_DYNAMODB"], os.environ["AWS_REGION"]
        )
        key = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        super().__init__(endpoint, lambda: key, Limits(read_timeout_s=read_timeout_s))
        self._boto: Any = boto3.client("dynamodb", endpoint_url=endpoint.url)
        self.before: list[Callable[[str, Request], None]] = []
        self.after: list[Callable[[str, Mapping[str, Any]], None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._boto, name)

    def close(self) -> None:
        super().close()
        self._boto.close()

    def _ask(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        request = dict(request)
        for watch in self.before:
            watch(operation, request)
        answer: dict[str, Any] = {}
        try:
            answer = super()._ask(operation, request)
        finally:
            for note in self.after:
                note(operation, answer)
        return answer


class MotoClient(TableClient):
    """The client of a table in moto, which lives in this process and has no address."""

    def __init__(self) -> None:
        super().__init__(f"https://dynamodb.{os.environ['AWS_REGION']}.amazonaws.com")
        self._connections = cast("Any", _MotoConnections(self.url))


class _MotoConnections:
    """Passes signed requests to moto where the client would pass them to a connection."""

    def __init__(self, url: str) -> None:
        self._url = url

    def urlopen(
        self, method: str, _path: str, *, body: bytes, headers: Mapping[str, str], **_: object
    ) -> HTTPResponse:
        sent = AWSPreparedRequest(
            method, self._url, cast("Any", headers), body, stream_output=False
        )
        answer = botocore_stubber("before-send.dynamodb", sent)
        if answer is None:
            raise RuntimeError("moto does not stand for AWS here: the client needs `mock_aws`")
        return HTTPResponse(answer.content, headers=answer.headers, status=answer.status_code)

    def close(self) -> None:
        pass
