"""Spoils good bytes in the ways of upstreams and networks, for one format or for all."""

import codecs
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from infra.local.upstream.wire import Answer

Place = TypeVar("Place")
NEWEST = 60
Spoil = Callable[[bytes, random.Random], bytes]
HTML = b"<html><head><title>Maintenance</title></head><body>Back soon, really</body></html>"

WRONG_JSON: tuple[Any, ...] = (
    None, "", "soon", "NaN", True, False, [], {}, [1, 2], -1e9, 1e300, float("nan"), float("inf"),
    "2026-03-05", "2026-13-45T00:00Z",
)  # fmt: skip
WRONG_TEXT = ("", " ", "soon", "NaN", "inf", "-1e9", "1e300", "true", "2026-03-05", "1,234.5")
HUGE = 10**400
EXTREMES: tuple[Any, ...] = (
    HUGE, "9999-12-31T23:30Z", "9999-12-31T23:00:00Z", "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
)  # fmt: skip
"""A number and times that have the right format but exceed floats and the calendar."""


def is_json(body: bytes) -> bool:
    return body.removeprefix(codecs.BOM_UTF8)[:1] in (b"{", b"[")


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and the key of each node of a document."""
    keys = node.keys() if isinstance(node, dict) else range(len(node))
    for key in keys:
        yield node, key
        if isinstance(node[key], dict | list):
            yield from places(node[key])


def lists(node: Any) -> Iterator[list[Any]]:
    if isinstance(node, list):
        yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            yield from lists(child)


def table_rows(node: Any) -> list[list[Any]]:
    """Return the rows of the tables in a document, which are lists within lists."""
    return [row for table in lists(node) for row in table if isinstance(row, list)]


def any_of(choices: Sequence[Place], chance: random.Random) -> Place:
    """Return any of them. Half of the time it is one of the last, which are the newest values."""
    return chance.choice(choices[-NEWEST:] if chance.random() < 0.5 else choices)


def written(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def wrong_type(body: bytes, chance: random.Random) -> bytes:
    """Replace one value by a value of another type."""
    if is_json(body):
        document = json.loads(body)
        container, key = any_of(list(places(document)), chance)
        container[key] = chance.choice((*WRONG_JSON, *EXTREMES))
        return written(document)
    text, new = body.decode(), chance.choice((*WRONG_TEXT, *map(str, EXTREMES)))
    pattern = r"(?<=>)[^<>]*\S[^<>]*(?=<)" if text.startswith("<") else r"[^,\r\n]+(?=[,\r\n])"
    match = any_of(list(re.finditer(pattern, text)), chance)
    return f"{text[: match.start()]}{new}{text[match.end() :]}".encode()


def script(body: bytes) -> re.Match[bytes] | None:
    """Return the list of objects that a script of a page holds."""
    return re.search(rb"(?<== )\[\{.*?\}\](?=;)", body) if body.startswith(b"<") else None


def names(body: bytes, extreme: object) -> set[str]:
    """Return the keys, elements or column numbers that have values of such a type."""
    values: Sequence[tuple[str | int, Any]]
    if found := script(body):
        return names(found[0], extreme)
    if is_json(body):
        values = [
            (key, value)
            for container, key in places(json.loads(body))
            if isinstance(key, str)
            for value in (container[key] if isinstance(container[key], list) else [container[key]])
        ]
        values += [cell for row in table_rows(json.loads(body)) for cell in enumerate(row)]
    elif body.startswith(b"<"):
        values = re.findall(r"<([\w.]+)(?: [^>]*)?>([^<>]+)</", body.decode())
    else:
        lines = body.decode().splitlines()
        values = [
            (column, cell.strip('"'))
            for line in lines
            for column, cell in enumerate(line.split(","))
        ]
    form = r"-?\d+(\.\d*)?" if extreme == HUGE else r".*\d:\d\d.*|\d{10}"  # or UNIX seconds
    return {str(name) for name, value in values if re.fullmatch(form, str(value))}


def all_names(body: bytes) -> set[str]:
    """Return all keys, elements or column numbers."""
    if is_json(body):
        return {key for _, key in places(json.loads(body)) if isinstance(key, str)}
    if body.startswith(b"<"):
        return set(re.findall(r"<([\w.]+)(?: [^>]*)?>[^<>]+</", body.decode()))
    return {str(column) for column in range(len(body.decode().partition("\n")[0].split(",")))}


def throughout(body: bytes, name: str, value: Any) -> bytes:
    """Replace every value of one name."""
    if found := script(body):
        return body[: found.start()] + throughout(found[0], name, value) + body[found.end() :]
    if is_json(body):
        document = json.loads(body)
        for container, key in [place for place in places(document) if place[1] == name]:
            old = container[key]
            listed = isinstance(old, list) and not any(isinstance(at, dict | list) for at in old)
            container[key] = [value] * len(old) if listed else value
        for row in table_rows(document) if name.isdigit() else ():
            row[int(name) : int(name) + 1] = [value]
        return written(document)
    text = body.decode()
    if text.startswith("<"):
        tag = re.escape(name)
        return re.sub(rf"(<{tag}(?: [^>]*)?>)[^<>]+(?=</)", rf"\g<1>{value}", text).encode()
    head, *lines = (line.split(",") for line in text.splitlines())
    for line in lines:
        line[int(name) : int(name) + 1] = [str(value)]
    return "".join(",".join(line) + "\n" for line in (head, *lines)).encode()


def without(body: bytes, chance: random.Random) -> bytes:
    """Remove one field, element or line."""
    if is_json(body):
        document = json.loads(body)
        container, key = any_of(list(places(document)), chance)
        del container[key]
        return written(document)
    text = body.decode()
    if text.startswith("<"):
        # A Point is not removed, since curve A03 repeats the value before a missing one.
        pattern = r"<([\w.]+)(?: [^>]*)?>[^<>]*</\1>"
        elements = [
            match
            for match in re.finditer(pattern, text)
            if match[1] not in ("position", "quantity")
        ]
        removed = any_of(elements, chance)
        return f"{text[: removed.start()]}{text[removed.end() :]}".encode()
    lines = text.splitlines(keepends=True)
    del lines[any_of(range(len(lines)), chance)]
    return "".join(lines).encode()


def repeated(body: bytes, _: random.Random, *, times: int = 2) -> bytes:
    """Repeat all rows."""
    if is_json(body):
        document = json.loads(body)
        outermost = next(lists(document), [])
        outermost *= times
        return written(document)
    text = body.decode()
    if text.startswith("<"):
        return re.sub(
            r"<TimeSeries>.*?</TimeSeries>", lambda match: match[0] * times, text, flags=re.DOTALL
        ).encode()
    head, *lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return "".join([head, *lines * times]).encode()


def shuffled(body: bytes, chance: random.Random) -> bytes:
    """Put the rows into another order."""
    if is_json(body):
        document = json.loads(body)
        for rows in list(lists(document)):
            chance.shuffle(rows)
        return written(document)
    text = body.decode()
    if text.startswith("<"):
        for name in ("TimeSeries", "Period", "Point"):
            text = _reordered(text, name, chance)
        return text.encode()
    head, *lines = text.splitlines()
    chance.shuffle(lines)
    return "\n".join([head, *lines, ""]).encode()


def _reordered(text: str, name: str, chance: random.Random) -> str:
    def mixed(run: "re.Match[str]") -> str:
        items = re.findall(rf"\s*<{name}>.*?</{name}>", run[0], flags=re.DOTALL)
        chance.shuffle(items)
        return "".join(items)

    return re.sub(rf"(?:\s*<{name}>(?:(?!</?{name}>).)*</{name}>)+", mixed, text, flags=re.DOTALL)


def cut(body: bytes, chance: random.Random) -> bytes:
    """Cut off the end."""
    return body[: chance.randrange(len(body))]


def burnt(body: bytes, chance: random.Random) -> bytes:
    """Replace a run of bytes by noise."""
    start = chance.randrange(len(body))
    return body[:start] + chance.randbytes(8) + body[start + 8 :]


def bloated(body: bytes, chance: random.Random) -> bytes:
    """Repeat all rows a hundred times."""
    return repeated(body, chance, times=100)


def padded(body: bytes, _: random.Random) -> bytes:
    """Append megabytes of blanks."""
    return body + b" " * 9_000_000


WHOLLY = {
    "empty": b"",
    "blank": b" \r\n ",
    "a page": HTML,
    "noise": random.Random(1).randbytes(4000),
    "null": b"null",
    "a number": b"17",
    "a text": b'"later"',
    "an empty list": b"[]",
    "an empty object": b"{}",
    "deep": b"[" * 100_000,
    "a ZIP of nothing": b"PK\x05\x06" + bytes(18),
    "another encoding": "Zeit,Einheit\r\n".encode("utf-16"),
    "a bomb": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa">]><a>&a;</a>',
}


def instead(answer: Answer, body: bytes) -> Answer:
    return replace(answer, body=body)
