"""Checks answers against the OpenAPI document that the router itself serves."""

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
    """Return the OpenAPI document, which is read once. Callers must not change it."""
    return openapi.document()


def path_of(path: str) -> str | None:
    """Return the described path that a request's path matches; ``None`` if there is none."""
    paths = described()["paths"]
    if path in paths:
        return path
    return "/v1/zones/{zone}" if path.startswith("/v1/zones/") else None


def responses_of(path: str, method: str) -> Mapping[str, Any] | None:
    """Return the described responses of an operation; ``None`` if it is not described."""
    operations = described()["paths"].get(path_of(path), {})
    operation = operations.get(method.lower().replace("head", "get"))
    return None if operation is None else operation["responses"]


def assert_described(path: str, method: str, answer: Mapping[str, Any], body: object) -> None:
    """Assert that an answer has a described status, type and headers, and a valid body."""
    status = str(answer["statusCode"])
    responses = responses_of(path, method)
    if responses is None or status == "405":
        response = described()["components"]["responses"]["BadRequest"]
    else:
        assert status in responses, f"{method} {path} answered {status}, which is not described"
        response = _resolved(responses[status])
    headers = answer["headers"]
    for name, header in response.get("headers", {}).items():
        assert name in headers, f"the answer to {method} {path} has no {name}"
        _validator(_resolved(header)["schema"]).validate(headers[name])
    if method == "HEAD" or status == "304":
        assert body is None
        return
    [(content_type, content)] = response["content"].items()
    assert headers["Content-Type"] == content_type
    _validator(content["schema"]).validate(body)


def examples() -> list[tuple[str, Mapping[str, Any], object]]:
    """Return the place, the schema and the value of each example of the document."""
    examples: list[tuple[str, Mapping[str, Any], object]] = []

    def look(place: str, node: object) -> None:
        if isinstance(node, dict):
            if "example" in node and "schema" in node:
                examples.append((place, node["schema"], node["example"]))
            for name, inner in node.items():
                if name != "example":
                    look(f"{place}/{name}", inner)
        elif isinstance(node, list):
            for index, inner in enumerate(node):
                look(f"{place}/{index}", inner)

    look("", described())
    return examples


def validate(schema: Mapping[str, Any], value: object) -> None:
    """Validate a value and its formats against a schema of the document."""
    _validator(schema).validate(value)


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    target: Any = described()
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return dict(target)


@cache
def _registry() -> Registry[Any]:
    resource = DRAFT202012.create_resource(described())
    registry: Registry[Any] = Registry().with_resource(HERE, resource)
    return registry


_VALIDATORS: dict[int, Draft202012Validator] = {}
"""The validators by the ``id()`` of their schemas.

An identity stays valid, because all schemas belong to one document that is never freed.
"""


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    if (validator := _VALIDATORS.get(id(schema))) is None:
        validator = _VALIDATORS[id(schema)] = Draft202012Validator(
            _absolute(schema),
            registry=_registry(),
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
    return validator


def _absolute(node: Any) -> Any:
    """Return the schema with references that include the document's URI, so that it works alone."""
    if isinstance(node, dict):
        return {
            name: HERE + inner if name == "$ref" else _absolute(inner)
            for name, inner in node.items()
        }
    return [_absolute(inner) for inner in node] if isinstance(node, list) else node
