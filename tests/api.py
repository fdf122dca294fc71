"""Holds answers to the description of the API that the router itself serves."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from greenstream.api import openapi

HERE = "urn:greenstream"


@cache
def described() -> dict[str, Any]:
    """The document, read once; not to be changed."""
    return openapi.document()


def path_of(path: str) -> str | None:
    """Return the described path that a request's path is an instance of."""
    paths = described()["paths"]
    if path in paths:
        return path
    return "/v1/zones/{zone}" if path.startswith("/v1/zones/") else None


def responses_of(path: str, method: str) -> Mapping[str, Any] | None:
    """Return what is said of an operation's responses, ``None`` where there is no such."""
    found = path_of(path)
    operation = described()["paths"].get(found, {}).get(method.lower().replace("head", "get"))
    return None if operation is None else operation["responses"]


def hold(path: str, method: str, answer: Mapping[str, Any], body: object) -> None:
    """Assert that an answer has a described status, type and headers, and a valid body."""
    status = str(answer["statusCode"])
    responses = responses_of(path, method)
    if responses is None or status == "405":
        said = described()["components"]["responses"]["BadRequest"]
    else:
        assert status in responses, f"{method} {path} answered {status}, which is not described"
        said = _resolved(responses[status])
    headers = answer["headers"]
    for name, header in said.get("headers", {}).items():
        assert name in headers, f"{method} {path}: no {name}"
        _validator(_resolved(header)["schema"]).validate(headers[name])
    if method == "HEAD" or status == "304":
        assert body is None
        return
    [(content_type, content)] = said["content"].items()
    assert headers["Content-Type"] == content_type
    _validator(content["schema"]).validate(body)


def examples() -> list[tuple[str, Mapping[str, Any], object]]:
    """Return each example of the document: its place, its schema, itself."""
    found: list[tuple[str, Mapping[str, Any], object]] = []

    def look(place: str, node: object) -> None:
        if isinstance(node, dict):
            if "example" in node and "schema" in node:
                found.append((place, node["schema"], node["example"]))
            for name, inner in node.items():
                if name != "example":
                    look(f"{place}/{name}", inner)
        elif isinstance(node, list):
            for index, inner in enumerate(node):
                look(f"{place}/{index}", inner)

    look("", described())
    return found


def validate(schema: Mapping[str, Any], value: object) -> None:
    """Validate a value, with the formats, against a schema of the document."""
    _validator(schema).validate(value)


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = described()
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


@cache
def _registry() -> Registry[Any]:
    resource = DRAFT202012.create_resource(described())
    registry: Registry[Any] = Registry().with_resource(HERE, resource)
    return registry


_VALIDATORS: dict[int, Draft202012Validator] = {}
"""By the identity of a schema, which is part of the one document and stays where it is."""


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    if (found := _VALIDATORS.get(id(schema))) is None:
        found = _VALIDATORS[id(schema)] = Draft202012Validator(
            _absolute(schema),
            registry=_registry(),
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
    return found


def _absolute(node: Any) -> Any:
    """Point references at the whole document, since a schema is used alone."""
    if isinstance(node, dict):
        return {
            name: HERE + inner if name == "$ref" else _absolute(inner)
            for name, inner in node.items()
        }
    return [_absolute(inner) for inner in node] if isinstance(node, list) else node
