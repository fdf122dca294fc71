"""A proxy between the store's clients and a DynamoDB server that injects faults on demand."""

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from tests.integration.engines import HOST, free_port

NAMES: Final = "com.amazonaws.dynamodb.v20120810#"
STATUS: Final = {400: "Bad Request", 500: "Internal Server Error", 502: "Bad Gateway"}
DRIP_BYTES, DRIP_S = 200, 0.1


@dataclass(frozen=True, slots=True)
class Spoil:
    """A fault that happens to a share of the requests.

    Parameters
    ----------
    answer
        Status and body that the proxy answers itself; the server never gets the request.
    wait_s
        Delay before the request reaches the server, which acts on it even if nobody waits any more.
    answer_wait_s
        Delay of the server's answer.
    cut
        When the connection breaks: ``before`` the server acted, ``after`` it acted, or in the
        ``middle`` of its answer.
    page
        The most items that a page of a Query holds.
    drips
        Whether the answer is sent slowly in small pieces.
    refuses
        Whether new connections are refused and open ones are broken.
    """

    name: str
    share: float = 1.0
    answer: tuple[int, str] | None = None
    wait_s: float = 0.0
    answer_wait_s: float = 0.0
    cut: str | None = None
    page: int | None = None
    drips: bool = False
    refuses: bool = False


def error(status: int, code: str, message: str) -> tuple[int, str]:
    """Return an error as the service words it."""
    return status, json.dumps({"__type": code, "message": message})


WELL: Final = Spoil("well")


class StoreProxy:
    """A local server in front of another one; any thread may call `spoil`."""

    def __init__(self, upstream: str, seed: int) -> None:
        host, _, port = upstream.removeprefix("http://").partition(":")
        self._upstream = host, int(port)
        self._random = random.Random(seed)
        self._port = free_port()
        self._spoil = WELL
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self.spoilt: Counter[str] = Counter()
        self.operations: Counter[str] = Counter()

    @property
    def address(self) -> str:
        """Return the address that the clients connect to."""
        return f"http://{HOST}:{self._port}"

    def spoil(self, spoil: Spoil) -> None:
        """Apply this fault from now on; return once it is in force."""
        asyncio.run_coroutine_threadsafe(self._change(spoil), self._loop).result(10)

    @contextmanager
    def running(self) -> Iterator["StoreProxy"]:
        """Serve in a separate thread while the context is open."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            self.spoil(WELL)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _change(self, spoil: Spoil) -> None:
        self._spoil = spoil
        if spoil.refuses and self._server is not None:
            self._server.close()
            self._server = None
            for writer in self._writers:
                writer.transport.abort()
        if not spoil.refuses and self._server is None:
            self._server = await asyncio.start_server(self._accept, HOST, self._port)

    async def _close(self) -> None:
        await self._change(Spoil("closed", refuses=True))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._pass_one(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pass_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head, body = await _message(reader)
        operation = _header(head, "x-amz-target").rpartition(".")[2]
        spoil = self._spoil
        if self._random.random() >= spoil.share:
            spoil = WELL
        self.operations[operation] += 1
        self.spoilt[spoil.name] += 1
        if spoil.answer is not None:
            writer.write(_answer(*spoil.answer))
            await writer.drain()
            return True
        if spoil.cut == "before":
            return False
        await asyncio.sleep(spoil.wait_s)
        if spoil.page is not None and operation == "Query":
            body = json.dumps(json.loads(body) | {"Limit": spoil.page}).encode()
            head = _with_length(head, len(body))
        answer = await self._forward(head + body)
        await asyncio.sleep(spoil.answer_wait_s)
        if spoil.cut == "after":
            return False
        if spoil.cut == "middle":
            writer.write(answer[: len(answer) * 3 // 4])
            await writer.drain()
            return False
        if spoil.drips:
            for start in range(0, len(answer), DRIP_BYTES):
                writer.write(answer[start : start + DRIP_BYTES])
                await writer.drain()
                await asyncio.sleep(DRIP_S)
            return True
        writer.write(answer)
        await writer.drain()
        return True

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._upstream)
        try:
            writer.write(request)
            await writer.drain()
            head, body = await _message(reader)
            return head + body
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    return head, await reader.readexactly(int(_header(head, "content-length") or 0))


def _header(head: bytes, name: str) -> str:
    for line in head.decode("latin-1").split("\r\n")[1:]:
        field, _, value = line.partition(":")
        if field.lower() == name:
            return value.strip()
    return ""


def _with_length(head: bytes, length: int) -> bytes:
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length:")]
    return b"\r\n".join([*kept[:-2], b"Content-Length: %d" % length, b"", b""])


def _answer(status: int, body: str) -> bytes:
    kind = "application/x-amz-json-1.0" if body.startswith("{") else "text/html"
    return (
        f"HTTP/1.1 {status} {STATUS.get(status, 'Error')}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nx-amzn-RequestId: PROXY\r\n\r\n{body}"
    ).encode()
