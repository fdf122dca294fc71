"""Faults on request: what is wrong now, for which provider, how often and for how long."""

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
GZIP = 31  # zlib.compressobj's word for a gzip header


@dataclass
class Fault:
    """One fault, as posted to ``/faults``.

    Parameters
    ----------
    provider, fault
        Whose answers, and which fault.
    zone
        Only requests for this zone of the provider's, and its part of an answer for several; None
        for all.
    times, for_s
        How many answers it spoils, and for how many seconds; None for ever.
    status, headers
        For ``status``: the answer's status and extra headers; for ``echo`` the status.
    delay_s
        For ``hang`` the wait before the answer; for the drips the pause after each byte.
    offset_s
        For ``future``: how far the provider's clock is ahead; behind, if below 0.
    body_bytes
        For ``big``: the size the body is padded to.
    fuel
        For ``missing_fuel``: which one.
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
        """Read a posted document.

        Raises
        ------
        ValueError
            When a field is unknown or of a wrong kind, or names no provider, fault or zone; the
            text says which.
        """
        if not isinstance(document, dict):
            raise ValueError("a fault is a JSON object")  # noqa: TRY004 - bad input, not our code
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
                raise ValueError(f"unknown field {name!r}; one of {', '.join(allowed)}")
            if not isinstance(value, allowed[name]):
                raise ValueError(f"{name}: {value!r} is of the wrong kind")  # noqa: TRY004
        provider = providers.get(document.get("provider", ""))
        if provider is None:
            raise ValueError(f"provider: one of {', '.join(providers)}")
        known = (*COMMON_FAULTS, *provider.payload_faults)
        if document.get("fault") not in known:
            raise ValueError(f"fault: one of {', '.join(known)} for {provider.name}")
        if document.get("zone") not in {None, *provider.zones}:
            raise ValueError(f"zone: one of {', '.join(sorted(provider.zones))}")
        return cls(**document)

    def as_dict(self) -> dict[str, Any]:
        """Give the fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def _status(answer: Answer, fault: Fault) -> Answer:
    body = b'{"error":"simulated fault"}'
    return replace(answer, body=body, status=fault.status, headers=fault.headers)


def _garbage(answer: Answer, _: Fault) -> Answer:
    return replace(answer, body=random.Random(0).randbytes(max(len(answer.body), 64)))  # noqa: S311


@cache
def twice_packed() -> bytes:
    """Compress 4 GB of blanks, and the result again: it comes out of the first few bytes."""
    inner, outer = zlib.compressobj(wbits=GZIP), zlib.compressobj(wbits=GZIP)
    blanks = b" " * MEGABYTE
    first, more = (inner.compress(blanks) + inner.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    # After a full flush every megabyte is the same bytes: no need to compress each. Only the
    # checksum at the end is wrong, and who gets there has unpacked it all.
    packed = first + more * 3999 + inner.flush()
    return outer.compress(packed) + outer.flush()


@cache
def zip_bomb() -> bytes:
    """Make a ZIP of one member that unpacks to a thousand times its size."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("document.xml", "w") as member,
    ):
        for _ in range(ZIP_BOMB_MB):
            member.write(b" " * MEGABYTE)
    return packed.getvalue()


def billion_laughs() -> bytes:
    """Make XML whose entities stand for ten of the one before, ten levels deep."""
    levels = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 11))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "ha">{levels}]><a>&a10;</a>'.encode()


def _gzip_bomb(answer: Answer, _: Fault) -> Answer:
    return replace(answer, body=twice_packed(), headers={"Content-Encoding": "gzip, gzip"})


def echoed(answer: Answer, request: Request, fault: Fault) -> Answer:
    """Refuse with all that was sent, credentials included, in every field an API explains itself.

    Gateways and debug pages do: what a provider repeats of it is a leak of ours.
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
    """Apply a fault of the answer's content; any other fault, and a binary body, stay as is."""
    if fault.fault == "echo":
        return echoed(answer, request, fault)
    if change := ANSWER_FAULTS.get(fault.fault):
        return change(answer, fault)
    payload = payload_faults.get(fault.fault)
    if payload is None or answer.status != 200 or "zip" in answer.content_type:  # noqa: PLR2004
        return answer
    return replace(answer, body=payload(answer.body.decode(), fault.as_dict()).encode())


class Faults:
    """The faults in force. Times are those of the simulation's clock."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, datetime]] = []

    def add(self, fault: Fault, now: datetime) -> None:
        """Put a fault in force at ``now``."""
        self._faults.append((fault, now))

    def clear(self, provider: str | None = None) -> None:
        """End every fault, or every one of a provider."""
        self._faults = [
            (fault, since)
            for fault, since in self._faults
            if provider is not None and fault.provider != provider
        ]

    def listed(self, now: datetime) -> list[dict[str, Any]]:
        """Give the faults still in force, with ``times`` as what is left."""
        self._expire(now)
        return [fault.as_dict() for fault, _ in self._faults]

    def take(
        self, provider: Provider, request: Request, now: datetime
    ) -> tuple[list[Fault], datetime]:
        """Give the faults that spoil this request, counted down, and the provider's own time."""
        self._expire(now)
        taken, provider_now = [], now
        for fault, since in self._faults:
            if fault.provider != provider.name:
                continue
            zone = provider.zone(request)
            within = zone is None and fault.fault in provider.payload_faults
            if fault.zone not in {None, zone} and not within:
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
