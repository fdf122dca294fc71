"""The server of the simulators: their APIs, a forward proxy, faults and request counts on one port.

A client reaches a provider below ``/<name>``, or with this server as its HTTP proxy. The proxy
accepts requests with an absolute URL, and CONNECT, for which it ends TLS itself with a certificate
of an authority that is made at the start. It refuses hosts that are not simulated with 502. This
module never opens a connection to another host.
"""

import asyncio
import email.parser
import json
import socket
import ssl
import struct
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.client import responses
from urllib.parse import parse_qsl, urlsplit

from infra.local.upstream.faults import COMMON_FAULTS, Fault, Faults, spoil
from infra.local.upstream.wire import Answer, Provider, Request, json_answer

Clock = Callable[[], datetime]
NOTICE = (
    "SIMULATED DATA. These are not measurements. GreenStream simulates the providers' APIs with "
    "invented values in their real formats."
)
DEFAULT_HANG_S = 3600.0
DEFAULT_DRIP_S = 0.2
RECEIVE_S = 0.2
"""How long a client gets to read what was sent before the connection is reset."""


@dataclass(frozen=True)
class Incoming:
    """A received request: its parsed head, and its body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


async def receive(reader: asyncio.StreamReader) -> Incoming | None:
    """Read one request. Return None if it is invalid or the client closed the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, _, lines = head.partition("\r\n")
        method, target, _ = line.split(" ", 2)
        parsed = email.parser.HeaderParser().parsestr(lines)
        headers = {name.lower(): value for name, value in parsed.items()}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        return None
    return Incoming(method, target, headers, body)


class Upstream:
    """The server of the simulated providers.

    Parameters
    ----------
    providers
        The simulated providers.
    clock
        Returns the simulation's time (aware UTC).
    tls
        The TLS context with the certificate of the https origins.
    """

    def __init__(self, providers: Sequence[Provider], clock: Clock, tls: ssl.SSLContext) -> None:
        self._by_name = {provider.name: provider for provider in providers}
        self._by_origin = {
            origin: provider for provider in providers for origin in provider.origins
        }
        self._clock = clock
        self._tls = tls
        self._faults = Faults()
        self._requests: dict[str, Counter[str]] = {}
        self._own_hosts: set[str] = set()

    async def listen(self, host: str, port: int) -> int:
        """Start to serve and return the port."""
        server = await asyncio.start_server(self._serve, host, port)
        bound = int(server.sockets[0].getsockname()[1])
        self._own_hosts = {f"{name}:{bound}" for name in (host, "localhost")}
        return bound

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            incoming = await receive(reader)
            origin = ""
            if incoming and incoming.method == "CONNECT":
                origin = f"https://{incoming.target.removesuffix(':443')}"
                if origin not in self._by_origin:
                    await self._refuse(writer, incoming.target)
                    return
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.start_tls(self._tls)
                incoming = await receive(reader)
            if incoming:
                await self._respond(writer, incoming, origin)
        except (ConnectionError, ssl.SSLError):
            log("the client closed the connection")
        except asyncio.CancelledError:
            log("the connection is closed because the server stops")
        finally:
            writer.close()

    async def _respond(self, writer: asyncio.StreamWriter, incoming: Incoming, origin: str) -> None:
        target = urlsplit(incoming.target)
        if target.scheme and target.netloc not in self._own_hosts:
            origin = f"{target.scheme}://{target.netloc}"
        provider, path = self._by_origin.get(origin), target.path
        if origin and provider is None:
            await self._refuse(writer, origin)
            return
        if provider is None:
            name, _, rest = target.path.removeprefix("/").partition("/")
            provider, path = self._by_name.get(name), f"/{rest}"
        if provider is None:
            answer = self._control(incoming, target.path, dict(parse_qsl(target.query)))
            log(f"control {incoming.method} {target.path} {answer.status}")
            await self._send(writer, answer, None)
            return
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        request = Request(incoming.method, path, query, incoming.headers)
        self._count(provider.name, path)
        faults, now = self._faults.take(provider, request, self._clock())
        answer = await asyncio.to_thread(build, provider, request, now, faults)
        fault_names = "".join(f" fault={fault.fault}" for fault in faults)
        full_path = f"{path}?{target.query}" if target.query else path
        size = len(answer.body)
        log(f"{provider.name} {request.method} {full_path} {answer.status} {size}B{fault_names}")
        await self._send(
            writer, answer, next((fault for fault in faults if fault.fault in SENDERS), None)
        )

    async def _refuse(self, writer: asyncio.StreamWriter, host: str) -> None:
        self._count("refused", host)
        log(f"refused {host} 502")
        text = f"{host} is not simulated, and this server opens no connections"
        await self._send(writer, json_answer({"error": text}, HTTPStatus.BAD_GATEWAY), None)

    def _count(self, name: str, path: str) -> None:
        self._requests.setdefault(name, Counter())[path] += 1

    def _control(self, incoming: Incoming, path: str, query: dict[str, str]) -> Answer:
        control: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "/"): self._about,
            ("GET", "/requests"): lambda: json_answer(self._requests),
            ("GET", "/faults"): lambda: json_answer(self._faults.listed(self._clock())),
            ("POST", "/faults"): lambda: self._add_fault(incoming.body),
            ("DELETE", "/faults"): lambda: self._clear_faults(query.get("provider")),
        }
        handler = control.get((incoming.method, path))
        if handler is None:
            text = f"there is no {incoming.method} {path}"
            return json_answer({"error": text}, HTTPStatus.NOT_FOUND)
        return handler()

    def _about(self) -> Answer:
        mounts = {
            f"/{provider.name}": {
                "stands_for": sorted(provider.origins),
                "routes": provider.routes,
                "faults": sorted((*COMMON_FAULTS, *provider.payload_faults)),
            }
            for provider in self._by_name.values()
        }
        return json_answer({"notice": NOTICE, "simulated": True, "providers": mounts})

    def _add_fault(self, body: bytes) -> Answer:
        try:
            fault = Fault.read(json.loads(body), self._by_name)
        except ValueError as error:
            return json_answer({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        self._faults.add(fault, self._clock())
        return json_answer(fault.as_dict(), HTTPStatus.CREATED)

    def _clear_faults(self, provider: str | None) -> Answer:
        if provider not in {None, *self._by_name}:
            text = f"provider: must be one of {', '.join(self._by_name)}"
            return json_answer({"error": text}, HTTPStatus.BAD_REQUEST)
        self._faults.clear(provider)
        return json_answer(self._faults.listed(self._clock()))

    async def _send(
        self, writer: asyncio.StreamWriter, answer: Answer, fault: Fault | None
    ) -> None:
        headers = {
            "Date": format_datetime(self._clock(), usegmt=True),
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Connection": "close",
            "X-GreenStream-Simulated": "true",
        } | dict(answer.headers)
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Simulated')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if fault:
            await SENDERS[fault.fault](writer, head, answer.body, fault)
        else:
            await send_all(writer, head, answer.body)


def build(provider: Provider, request: Request, now: datetime, faults: list[Fault]) -> Answer:
    """Return the provider's answer with the faults of its content."""
    if request.method != "GET":
        return json_answer({"error": "only GET is simulated"}, HTTPStatus.METHOD_NOT_ALLOWED)
    answer = provider.answer(request, now)
    for fault in faults:
        answer = spoil(answer, request, fault, provider.payload_faults)
    return answer


async def send_all(writer: asyncio.StreamWriter, head: bytes, body: bytes) -> None:
    """Send a whole answer."""
    writer.write(head + body)
    await writer.drain()


async def hang(writer: asyncio.StreamWriter, head: bytes, body: bytes, fault: Fault) -> None:
    """Wait before the first byte."""
    await asyncio.sleep(DEFAULT_HANG_S if fault.delay_s is None else fault.delay_s)
    await send_all(writer, head, body)


async def drip(writer: asyncio.StreamWriter, head: bytes, body: bytes, fault: Fault) -> None:
    """Send the head, then the body byte by byte, so that no single read of the client times out."""
    await send_all(writer, head, b"")
    for byte in body:
        await send_all(writer, b"", bytes([byte]))
        await asyncio.sleep(DEFAULT_DRIP_S if fault.delay_s is None else fault.delay_s)


async def drip_head(writer: asyncio.StreamWriter, head: bytes, body: bytes, fault: Fault) -> None:
    """Send head and body byte by byte, so that the client waits even for the status."""
    await drip(writer, b"", head + body, fault)


async def reset_midway(writer: asyncio.StreamWriter, head: bytes, body: bytes, _: Fault) -> None:
    """Announce the whole body, send half of it, and reset the connection."""
    await send_all(writer, head, body[: len(body) // 2])
    await asyncio.sleep(RECEIVE_S)  # a reset discards what the client has not read
    await reset(writer, head, body, _)


async def reset(writer: asyncio.StreamWriter, _head: bytes, _body: bytes, _: Fault) -> None:
    """Reset the connection instead of an answer."""
    no_linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
    writer.transport.abort()


async def truncate(writer: asyncio.StreamWriter, head: bytes, body: bytes, _: Fault) -> None:
    """Announce the whole body, send half of it, and close the connection."""
    await send_all(writer, head, body[: len(body) // 2])


SENDERS = {
    "hang": hang,
    "drip": drip,
    "drip_head": drip_head,
    "reset": reset,
    "reset_midway": reset_midway,
    "truncate": truncate,
}


def log(line: str) -> None:
    """Write a line to stderr with the real time."""
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", file=sys.stderr, flush=True)
