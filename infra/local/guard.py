"""Runs the emulated AWS behind a guard in one process, so that no port leads past the guard.

Without a guard the emulator answers any client that reaches its port, even a web page in the
developer's browser. It would show the functions' environment, and it runs functions as processes of
this machine. The guard accepts a request only if it holds the stack's secret, if its ``Host`` is a
loopback name with the guard's port, and if its ``Origin``, where there is one, is the same.

The secret is the first part of the path, because every client accepts an address with a path. Only
``sam deploy`` cannot use such an address: it builds the address of an uploaded template from it,
and the emulator takes the first part of that path as the name of a bucket. For SAM the secret is
the application's name in the ``User-Agent``, which AWS's libraries read from ``AWS_SDK_UA_APP_ID``.

The interpreter of the emulator runs this file, so it imports nothing of the project.
"""

import hmac
import importlib
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

UNCHECKED_KEYS: Final = re.compile(r"test|\d{12}")
"""Access keys that ministack takes for the root user without checking the signature."""

_KEY: Final = re.compile(r"(?:Credential=|AWS )([^/:,\s]*)")

_EQUALS: Final = re.compile(r"\s*pk\s*=\s*(:\w+)")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def foreign(headers: Mapping[str, list[str]], port: int) -> str | None:
    """Return why a request is not meant for the server on a port of this machine, or ``None``.

    Parameters
    ----------
    headers
        Every value of each header, by lower-case name.
    """
    own = [f"{name}:{port}" for name in LOOPBACK_NAMES]
    hosts = headers.get("host", [])
    if len(hosts) != 1 or hosts[0].lower() not in own:
        return f"The Host header must be one of {', '.join(own)}."
    origins = [f"http://{name}" for name in own]
    if any(origin.lower() not in origins for origin in headers.get("origin", [])):
        return "Pages of other origins may not ask the local stack."
    return None


@dataclass(frozen=True, slots=True)
class Guard:
    """An ASGI application that passes only requests of the stack's own clients to the emulator.

    Parameters
    ----------
    app
        The emulator. It gets the path without the secret; ``raw_path`` keeps the path as it was
        sent, which a signature covers.
    port
        The port on which the guard listens.
    secret
        The secret that every request must hold.
    checks_signatures
        Whether the emulator enforces IAM. The guard then refuses the keys whose signatures the
        emulator does not check.
    """

    app: App
    port: int
    secret: str
    checks_signatures: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with status 403 and the reason."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":  # no client of the stack uses them
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        path = self._path_within(scope["path"], headers)
        if (reason := foreign(headers, self.port)) is not None:
            await _refuse(reason, send)
        elif path is None:
            await _refuse("The stack's secret is missing: see endpoint_url in stack.json.", send)
        elif self.checks_signatures and any(map(UNCHECKED_KEYS.fullmatch, _keys(headers, scope))):
            await _refuse("This key is not the stack's: see access_key_id in stack.json.", send)
        else:
            await self.app({**scope, "path": path}, receive, send)

    def _path_within(self, path: str, headers: Mapping[str, list[str]]) -> str | None:
        """Return the path for the emulator, or ``None`` if the secret is missing."""
        first, _, rest = path.removeprefix("/").partition("/")
        if _same(first, self.secret):
            return f"/{rest}"
        products = [product for value in headers.get("user-agent", []) for product in value.split()]
        return path if any(_same(product, f"app/{self.secret}") for product in products) else None


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())


def _keys(headers: Mapping[str, list[str]], scope: Scope) -> Iterator[str]:
    """Yield the access keys that a request names in its header or, if presigned, in its query."""
    for value in headers.get("authorization", []):
        yield from _KEY.findall(value)
    query = parse_qs(scope["query_string"].decode("latin-1"))
    for credential in (*query.get("X-Amz-Credential", ()), *query.get("AWSAccessKeyId", ())):
        yield credential.partition("/")[0]


def leading_keys(body: bytes) -> dict[str, list[str]]:
    """Return the condition key ``dynamodb:LeadingKeys`` of a request, as AWS's IAM has it.

    ministack enforces conditions, but does not know this key. The result is empty where a request
    names no value of the partition key ``pk``.
    """
    try:
        asked = json.loads(body)
        if "KeyConditionExpression" in asked:
            named = _EQUALS.match(asked["KeyConditionExpression"])
            value = asked["ExpressionAttributeValues"][named[1]] if named else {}
        else:
            value = asked.get("Key", asked.get("Item"))["pk"]
        return {"dynamodb:LeadingKeys": [value["S"]]}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


async def _refuse(reason: str, send: Send) -> None:
    body = f"{reason}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Run the emulator behind the guard, at the address that its functions use too."""
    address = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    secret = address.path.removeprefix("/")
    emulator: Any = importlib.import_module("ministack.app")
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    known = actions.dynamodb_service_context
    actions.dynamodb_service_context = lambda body: {**known(body), **leading_keys(body)}
    emulator.app = Guard(  # `main` serves the application of this name
        emulator.app, address.port or 0, secret, checks_signatures=emulator.AUTH
    )
    emulator.main()


if __name__ == "__main__":
    main()
