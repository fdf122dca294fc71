"""Faults that can be requested for a provider, for a number of answers or for a time."""

import io
import json
import random
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self

from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request

HTML_PAGE = b"<html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
CLOCK_FAULTS = ("stale", "future")
SENDING_FAULTS = ("hang", "drip", "drip_head", "reset", "reset_midway", "truncate")
DEPTH = 200_000
ZIP_BOMB_MB = 400
MEGABYTE = 1_000_000
GZIP_WBITS = 31  # this value of ``wbits`` makes zlib.compressobj write gzip


@dataclass
class Fault:
    """A fault, as it is posted to ``/faults``.

    Parameters
    ----------
    provider, fault
        The names of the provider and of the fault.
    zone
        The fault applies only to requests for this zone and to its part of an answer about several
        zones. None applies it to all zones.
    times, for_s
        How many answers it changes, and for how many seconds. None means without a limit.
    status, headers
        For ``status``, the answer's status and additional headers. For ``echo``, the status.
    delay_s
        For ``hang``, the wait before the answer. For ``drip`` and ``drip_head``, the pause after
        each byte. In seconds.
    offset_s
        For ``future``, how many seconds the provider's clock is ahead. A negative value is behind.
    body_bytes
        For ``big``, the size to which the body is padded.
    fuel
        For ``missing_fuel``, the fuel that is left out.
    """

    provider: str
    fault: str
    zone: str | None = None
    times: int | None = None
    for_s: float | None = None
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float | None = None
    offset_s: float = 3600.0
    body_bytes: int = 20_000_000
    fuel: str | None = None

    @classmethod
    def read(cls, document: object, providers: Mapping[str, Provider]) -> Self:
        """Check a posted document and return its fault.

        Raises
        ------
        ValueError
            When a field is unknown or has a wrong type, or when there is no such provider, fault or
            zone. The message begins with the field's name.
        """
        if not isinstance(document, dict):
            raise ValueError("a fault must be a JSON object")  # noqa: TRY004 - bad input, not our code
        allowed: dict[str, tuple[type, ...]] = {
            "provider": (str,),
            "fault": (str,),
            "zone": (str, type(None)),
            "times": (int, type(None)),
            "for_s": (int, float, type(None)),
            "status": (int,),
            "headers": (dict,),
            "delay_s": (int, float, type(None)),
            "offset_s": (int, float),
            "body_bytes": (int,),
            "fuel": (str, type(None)),
        }
        for name, value in document.items():
            if name not in allowed:
                raise ValueError(
                    f"{name}: there is no such field; the fields are {', '.join(allowed)}"
                )
            if not isinstance(value, allowed[name]):
                raise ValueError(f"{name}: {value!r} has the wrong type")  # noqa: TRY004
        provider = providers.get(document.get("provider", ""))
        if provider is None:
            raise ValueError(f"provider: must be one of {', '.join(providers)}")
        known = (*COMMON_FAULTS, *provider.payload_faults)
        if document.get("fault") not in known:
            raise ValueError(f"fault: must be one of {', '.join(known)} for {provider.name}")
        if document.get("zone") not in {None, *provider.zones}:
            raise ValueError(f"zone: must be one of {', '.join(sorted(provider.zones))}")
        return cls(**document)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {field_.name: getattr(self, field_.name) for field_ in fields(self)}


def _status(answer: Answer, fault: Fault) -> Answer:
    body = b'{"error":"simulated fault"}'
    return replace(answer, body=body, status=fault.status, headers=fault.headers)


def _garbage(answer: Answer, _: Fault) -> Answer:
    return replace(answer, body=random.Random(0).randbytes(max(len(answer.body), 64)))  # noqa: S311


@cache
def twice_packed() -> bytes:
    """Return 4 GB of blanks, compressed twice with gzip, as a few bytes."""
    inner, outer = zlib.compressobj(wbits=GZIP_WBITS), zlib.compressobj(wbits=GZIP_WBITS)
    blanks = b" " * MEGABYTE
    first, more = (inner.compress(blanks) + inner.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    # After a full flush, each further megabyte compresses to the same bytes, so that it is enough
    # to repeat them. The checksum at the end is wrong, but a client that reads it has already
    # unpacked everything.
    packed = first + more * 3999 + inner.flush()
    return outer.compress(packed) + outer.flush()


@cache
def zip_bomb() -> bytes:
    """Return a ZIP file with one member that is about a thousand times as large when unpacked."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("document.xml", "w") as member,
    ):
        for _ in range(ZIP_BOMB_MB):
            member.write(b" " * MEGABYTE)
    return packed.getvalue()


def billion_laughs() -> bytes:
    """Return XML with ten levels of entities, each of which contains the one before ten times."""
    levels = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 11))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "ha">{levels}]><a>&a10;</a>'.encode()


def _gzip_bomb(answer: Answer, _: Fault) -> Answer:
    return replace(answer, body=twice_packed(), headers={"Content-Encoding": "gzip, gzip"})


def echoed(answer: Answer, request: Request, fault: Fault) -> Answer:
    """Refuse a request and repeat all of it, with its credentials, in each field of the error.

    Real gateways and debug pages do this. A client that logs such an answer leaks its credentials.
    """
    sent = " ".join([request.path, *request.query.values(), *request.headers.values()])
    fields = dict.fromkeys(("error", "message", "msg", "detail"), sent)
    body = fields | {"errors": [{"field": "key", "message": sent}]}
    return replace(answer, body=json.dumps(body).encode(), status=fault.status)


ANSWER_FAULTS: Mapping[str, Callable[[Answer, Fault], Answer]] = {
    "status": _status,
    "empty": lambda answer, _: replace(answer, body=b""),
    "html": lambda answer, _: replace(answer, body=HTML_PAGE, content_type="text/html"),
    "garbage": _garbage,
    "wrong_type": lambda answer, _: replace(answer, content_type="image/png"),
    "deep_json": lambda answer, _: replace(answer, body=b"[" * DEPTH),
    "deep_xml": lambda answer, _: replace(answer, body=b"<a>" * DEPTH, content_type="text/xml"),
    "billion_laughs": lambda answer, _: replace(
        answer, body=billion_laughs(), content_type="text/xml"
    ),
    "zip_bomb": lambda answer, _: replace(answer, body=zip_bomb(), content_type="application/zip"),
    "gzip_bomb": _gzip_bomb,
    "big": lambda answer, fault: replace(answer, body=answer.body.ljust(fault.body_bytes)),
}

COMMON_FAULTS = (*CLOCK_FAULTS, *SENDING_FAULTS, *ANSWER_FAULTS, "echo")


def spoil(
    answer: Answer, request: Request, fault: Fault, payload_faults: Mapping[str, PayloadFault]
) -> Answer:
    """Apply a fault to the answer's content. Other faults leave it unchanged.

    A fault that is specific to the format changes the text inside a ZIP file.
    """
    if fault.fault == "echo":
        return echoed(answer, request, fault)
    if change := ANSWER_FAULTS.get(fault.fault):
        return change(answer, fault)
    payload = payload_faults.get(fault.fault)
    if payload is None or answer.status != 200:  # noqa: PLR2004
        return answer
    if zipfile.is_zipfile(io.BytesIO(answer.body)):
        return replace(answer, body=_repacked(answer.body, payload, fault))
    return replace(answer, body=payload(answer.body.decode(), fault.as_dict()).encode())


def _repacked(body: bytes, payload: PayloadFault, fault: Fault) -> bytes:
    """Return a ZIP file with the same members, each changed by a fault."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(body)) as archive,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as changed,
    ):
        for member in archive.infolist():
            changed.writestr(member, payload(archive.read(member).decode(), fault.as_dict()))
    return buffer.getvalue()


class Faults:
    """The active faults. All times are of the simulation's clock (aware UTC)."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, datetime]] = []

    def add(self, fault: Fault, now: datetime) -> None:
        """Activate a fault at ``now``."""
        self._faults.append((fault, now))

    def clear(self, provider: str | None = None) -> None:
        """End all faults, or all faults of a provider."""
        self._faults = [
            (fault, since)
            for fault, since in self._faults
            if provider is not None and fault.provider != provider
        ]

    def listed(self, now: datetime) -> list[dict[str, Any]]:
        """Return the active faults. Their ``times`` is the number of answers that is left."""
        self._expire(now)
        return [fault.as_dict() for fault, _ in self._faults]

    def take(
        self, provider: Provider, request: Request, now: datetime
    ) -> tuple[list[Fault], datetime]:
        """Return the faults that apply to this request, and the time of the provider's clock.

        Each of these faults has one answer less left.
        """
        self._expire(now)
        taken, provider_now = [], now
        for fault, since in self._faults:
            if fault.provider != provider.name:
                continue
            zone = provider.zone(request)
            affects_part = zone is None and fault.fault in provider.payload_faults
            if fault.zone not in {None, zone} and not affects_part:
                continue
            if fault.times is not None:
                fault.times -= 1
            if fault.fault == "stale":
                provider_now = since
            elif fault.fault == "future":
                provider_now += timedelta(seconds=fault.offset_s)
            taken.append(fault)
        return taken, provider_now

    def _expire(self, now: datetime) -> None:
        self._faults = [
            (fault, since)
            for fault, since in self._faults
            if (fault.times is None or fault.times > 0)
            and (fault.for_s is None or now < since + timedelta(seconds=fault.for_s))
        ]
