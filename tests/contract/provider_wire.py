"""A provider's upstream inside a test: answers by request, faults, and packed files."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from greenstream.ingest.http import HttpClient
from infra.local.upstream import (
    eia,
)
from infra.local.upstream.wire import Answer, Request
from tests.contract.recorded_origin import Origin

Answerer = Callable[[Request, datetime], Answer]
NOW = datetime(2026, 3, 5, 18, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NYISO_ZIP = "application/zip"


def zipped(name: str, body: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return packed.getvalue()


def unzipped(packed: bytes) -> tuple[str, bytes]:
    """Return the only text of a ZIP file, or the sheet of a workbook."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = archive.namelist()
        (name,) = [eia.SHEET] if eia.SHEET in names else names
        return name, archive.read(name)


def repacked(packed: bytes, changed: str, body: bytes) -> bytes:
    """Return a ZIP file with another text in one of its parts."""
    new = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed)) as old,
        zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in old.namelist():
            archive.writestr(name, body if name == changed else old.read(name))
    return new.getvalue()


@dataclass
class Wire(Origin):
    """The upstream: its clean answers at ``now``, each of which ``spoil`` may change.

    In a ZIP file ``spoil`` changes the text inside, since that is what the operator writes.
    """

    clean: Answerer = lambda _request, _now: Answer(b"", status=404)
    now: datetime = NOW
    spoil: Callable[[Request, Answer], Answer] = lambda _, answer: answer

    def answer(self, request: Request, _now: datetime) -> Answer:
        self.requests.append(request)
        answer = self.clean(request, self.now)
        if not answer.body.startswith(b"PK"):
            return self.spoil(request, answer)
        name, body = unzipped(answer.body)
        inside = self.spoil(request, Answer(body, "text/csv", answer.status))
        if inside.status != answer.status:
            return inside
        return Answer(repacked(answer.body, name, inside.body), answer.content_type)

    def http(self, provider: str) -> HttpClient:
        def over(request: httpx.Request) -> httpx.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            asked = Request("GET", request.url.path, dict(request.url.params), headers)
            made = self.answer(asked, self.now)
            kind = {"content-type": made.content_type}
            return httpx.Response(made.status, content=made.body, headers=kind)

        return HttpClient(
            provider=provider,
            base_url=f"https://{provider}.test",
            transport=httpx.MockTransport(over),
            sleep=lambda _: None,
        )


class Silent:
    """A `Telemetry` that drops everything."""

    def event(self, level: str, message: str, **fields: object) -> None: ...

    def count(self, metric: str, value: float, unit: str = "Count") -> None: ...
