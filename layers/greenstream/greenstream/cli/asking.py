"""Asks a router, and says which one answered.

The question goes to the router that ``--url`` or the environment names, else to the local stack.
With neither, a router of this process answers by the tables of this package alone.
"""

import argparse
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

from greenstream.cli.empty_store import EmptyStore
from greenstream.cli.errors import CommandError, RefusedError
from greenstream.cli.progress import progress
from greenstream.cli.repository import ROOT, recorded_router, running_stack
from greenstream.domain.clock import utc_now

Json = dict[str, Any]

TIMEOUT_S: Final = 10.0
"""How long a router may take to answer."""

URL_VARIABLE: Final = "GREENSTREAM_URL"
"""The environment variable that stands for ``--url``."""

BY_MEANS: Final = (
    "No router was asked (name one with --url, or start the local stack): these are yearly means."
)

_FUNCTION_URL: Final = re.compile(r"[a-z0-9]+\.lambda-url\.(?P<region>[a-z0-9-]+)\.on\.aws")


class AnsweredBy(StrEnum):
    """What has answered a question."""

    ROUTER = "router"
    LOCAL_STACK = "local stack"
    TABLES = "tables of this package (yearly means)"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the HTTP API, and what has given it."""

    body: Json
    by: AnsweredBy

    def as_json(self) -> str:
        """Return the answer as JSON text, with the member ``answered_by``."""
        return json.dumps({"answered_by": self.by, **self.body}, indent=1, ensure_ascii=False)

    def as_text(self, said: str) -> str:
        """Return what is said of the answer, under a warning where its figures are no live data."""
        warnings = [BY_MEANS] if self.by is AnsweredBy.TABLES else []
        if self.body.get("simulated"):
            warnings.append("SIMULATED data: no figure here is real")
        return "\n".join([*warnings, said])


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks the router that a command line names.

    Parameters
    ----------
    url
        The router's address, or ``None`` for the local stack or the tables.
    state_dir
        The folder of the local stack's records.
    """

    url: str | None
    state_dir: Path

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "Asker":
        """Return the asker of a command line with the options of `add_options`."""
        return cls(arguments.url or os.environ.get(URL_VARIABLE) or None, arguments.state_dir)

    def ask(self, path: str, asked: Mapping[str, str | None]) -> Answer:
        """Ask a path of the HTTP API.

        Parameters
        ----------
        path
            The path, such as ``/v1/route``.
        asked
            The parameters; those that are ``None`` are left out.

        Raises
        ------
        CommandError
            When the router refuses the question, cannot be asked or fails.
        """
        path = quote(path)
        given = {name: value for name, value in asked.items() if value is not None}
        query = urlencode(given, quote_via=quote)  # a signature needs %20 for a space
        target = f"{path}?{query}" if query else path
        if self.url is not None:
            with progress(f"asking the router at {urlsplit(self.url).netloc}"):
                return Answer(_of_url(f"{self.url.rstrip('/')}{target}"), AnsweredBy.ROUTER)
        stack = running_stack(self.state_dir)
        if stack is None and ROOT is None and (address := recorded_router(self.state_dir)):
            with progress("asking the local stack"):
                return Answer(_of_url(f"{address}{target}"), AnsweredBy.LOCAL_STACK)
        if stack is None:
            return Answer(_of_tables(path, query), AnsweredBy.TABLES)
        try:
            with progress("asking the local stack"):
                return Answer(stack.get(target), AnsweredBy.LOCAL_STACK)
        except RefusedError as error:
            raise CommandError(_refusal(error.status, error.text)) from error


def add_url(parser: argparse.ArgumentParser) -> None:
    """Define the option that names the router."""
    parser.add_argument(
        "--url",
        metavar="ADDRESS",
        help=f"a router's address (default: {URL_VARIABLE} of the environment, else the local "
        "stack, else the yearly means of this package). The address of a deployed router is asked "
        "by requests signed with your AWS credentials",
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Define the options that name the router and the form of the answer."""
    add_url(parser)
    parser.add_argument("--json", action="store_true", help="print the router's answer as JSON")


def _of_tables(path: str, query: str) -> Json:
    """Return the answer of a router on an empty table: by the yearly means of the zones."""
    from greenstream.api.router import Router  # noqa: PLC0415 - not needed where another answers

    router = Router(EmptyStore(), clock=utc_now, telemetry=_Silent())
    answer = router.respond(
        {
            "rawPath": path,
            "rawQueryString": query,
            "requestContext": {"http": {"method": "GET"}},
        }
    )
    if answer["statusCode"] != HTTPStatus.OK:
        raise CommandError(_refusal(answer["statusCode"], answer["body"]))
    body: Json = json.loads(answer["body"])
    return body


class _Silent:
    """Telemetry that records nothing."""

    def event(self, level: str, message: str, **fields: object) -> None:
        """Write no line."""

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Count nothing."""

    def flush(self) -> None:
        """Write nothing."""


def _of_url(url: str) -> Json:
    if not url.startswith(("http://", "https://")):
        raise CommandError("--url must begin with http:// or https://")
    function_url = _FUNCTION_URL.fullmatch(urlsplit(url).netloc)
    signed = function_url is not None
    try:
        while True:
            headers = _signature(url, function_url) if signed else {}
            try:
                with urlopen(Request(url, headers=headers), timeout=TIMEOUT_S) as reply:  # noqa: S310
                    body: Json = json.load(reply)
                    return body
            except HTTPError as error:
                if error.code != HTTPStatus.FORBIDDEN or signed:
                    raise
                signed = True
    except HTTPError as error:
        raise CommandError(_refusal(error.code, error.read().decode(errors="replace"))) from error
    except (OSError, ValueError) as error:
        asked = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        raise CommandError(f"the router at {asked} cannot be asked: {_why(error)}") from error


def _why(error: OSError | ValueError) -> str:
    """Return why a router gave no answer, without the names of Python's errors."""
    if isinstance(error, json.JSONDecodeError):
        return "what it answers is no JSON, so it is no router"
    reason = error.reason if isinstance(error, URLError) else error
    return (isinstance(reason, OSError) and reason.strerror) or str(reason)


def _signature(url: str, function_url: re.Match[str] | None) -> dict[str, str]:
    """Return the headers of a request for a Function URL that is signed by SigV4."""
    from botocore.auth import SigV4Auth  # noqa: PLC0415 - only a router that asks for it needs AWS
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    from botocore.session import get_session  # noqa: PLC0415

    needs = "the router takes signed requests only"
    try:
        session = get_session()
        credentials = session.get_credentials()
        region = function_url["region"] if function_url else session.get_config_variable("region")
    except BotoCoreError as error:  # for example AWS_PROFILE names no profile
        raise CommandError(f"{needs}: {error}") from error
    if credentials is None:
        raise CommandError(
            f"{needs}, and no AWS credentials are set (AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY)"
        )
    if region is None:
        raise CommandError(f"{needs}, and no Region is set (AWS_DEFAULT_REGION)")
    request = AWSRequest("GET", url)
    try:
        SigV4Auth(credentials, "lambda", region).add_auth(request)
    except BotoCoreError as error:
        raise CommandError(f"{needs}: {error}") from error
    return dict(request.headers.items())


def _refusal(status: int, text: str) -> str:
    """Return what a router's problem document says, or its status."""
    try:
        problem = json.loads(text)
        errors = problem["errors"]
        said = "; ".join(f"{fault['field']}: {fault['detail']}" for fault in errors)
        return said or f"the router answered {status}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        forbidden = status == HTTPStatus.FORBIDDEN
        hint = ": your AWS credentials may not invoke its Function URL" if forbidden else ""
        return f"the router answered {status}{hint}"
