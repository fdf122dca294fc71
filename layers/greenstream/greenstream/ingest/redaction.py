"""Cuts secrets out of quoted text: error messages, log fields and the details of readings.

Some upstreams and gateways repeat the credentials that they were sent. What they sent is parsed as
it came, because a short secret may occur in the data; only the text that quotes it is redacted.
"""

import html
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from greenstream.domain.errors import MAX_MESSAGE_CHARS, GreenStreamError
from greenstream.domain.reading import Reading
from greenstream.ports.provider import Batch

REDACTED: Final = "[secret]"
PART_CHARS: Final = 6
"""The shortest beginning of a secret that is cut out too, since quoted text may end within it."""


def without_secrets(text: str, *secrets: str | None) -> str:
    """Return a text with every secret in it replaced by ``[secret]``.

    A secret is recognised as it is and as Python, JSON, an address or HTML writes it. So is any
    beginning of it that has at least `PART_CHARS` characters.

    Parameters
    ----------
    text
        What is to be quoted.
    secrets
        Values that must not be shown; ``None`` and empty ones are ignored.
    """
    spans: list[tuple[int, int]] = []
    for form in {form for secret in secrets if secret for form in _forms(secret)}:
        beginning = form[:PART_CHARS]
        start = text.find(beginning)
        while start >= 0:
            end = start + len(beginning)
            while end - start < len(form) and text[end : end + 1] == form[end - start]:
                end += 1
            spans.append((start, end))
            start = text.find(beginning, start + 1)
    if not spans:
        return text
    kept: list[str] = []
    done = -1
    for start, end in sorted(spans):
        if start > done:  # spans that overlap or touch become one
            kept += [text[max(done, 0) : start], REDACTED]
        done = max(done, end)
    return "".join([*kept, text[done:]])


def redacted(batches: Iterator[Batch], secrets: Collection[str]) -> Iterator[Batch]:
    """Yield a provider's batches without secrets in their errors and in the details of readings.

    Figures, times and names stay as they are. An exception that ends the run is redacted as well,
    with its causes, whatever its type.

    Parameters
    ----------
    batches
        What the provider yields.
    secrets
        Values that must not be shown. The collection is read anew for each batch, so that
        credentials that are first used during the run count.
    """
    try:
        for batch in batches:
            for error in batch.errors:
                _redact(error, secrets)
            readings = tuple(_reading_without(reading, secrets) for reading in batch.readings)
            yield replace(batch, readings=readings)
    except Exception as error:
        _redact(error, secrets)
        raise


def _redact(error: BaseException, secrets: Collection[str]) -> None:
    if isinstance(error, GreenStreamError):
        error.message = without_secrets(error.message, *secrets)[:MAX_MESSAGE_CHARS]
    error.args = tuple(_value_without(argument, secrets) for argument in error.args)
    if cause := error.__cause__ or error.__context__:
        _redact(cause, secrets)


def _reading_without(reading: Reading, secrets: Collection[str]) -> Reading:
    detail = {name: _value_without(value, secrets) for name, value in reading.detail.items()}
    return reading if detail == reading.detail else replace(reading, detail=detail)


def _value_without(value: object, secrets: Collection[str]) -> object:
    if isinstance(value, str):
        # The limit on a reading's detail must hold for the redacted text as well.
        return without_secrets(value, *secrets)[: max(len(value), len(REDACTED))]
    if isinstance(value, Mapping):
        return {name: _value_without(inner, secrets) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_value_without(inner, secrets) for inner in value)
    return value


@lru_cache(maxsize=64)
def _forms(secret: str) -> frozenset[str]:
    """Return the ways in which a secret may be written within a text."""
    backslashes_doubled = secret.replace("\\", "\\\\")
    return frozenset(
        {
            secret,
            backslashes_doubled,
            backslashes_doubled.replace("'", "\\'"),
            json.dumps(secret)[1:-1],
            quote(secret),
            quote(secret, safe=""),
            html.escape(secret),
            html.escape(secret, quote=False),
        }
    )
