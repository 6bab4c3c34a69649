"""The page of the control API, made from its OpenAPI document."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

Schema = dict[str, Any]
_BOUNDS: Final = {"minimum": "at least", "maximum": "at most", "minProperties": "at least", "maxItems": "at most"}
_UNITS: Final = {"minProperties": " member", "maxItems": " items"}


def page(document: Schema) -> Iterator[str]:
    """Write the page, line by line."""
    yield "# Control API\n"
    yield f"{document['info']['summary']}\n"
    yield f"{prose(document['info'])}\n"
    how = "[The control endpoint](../operations/control-endpoint.md)"
    yield f"How to get the token, and when to use this at all: {how}."
    yield "For programs: [openapi.yaml](openapi.yaml).\n"
    yield "## Requests\n"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield from request(f"{method.upper()} {path}", operation, document)
    yield "## Bodies\n"
    for name, schema in document["components"]["schemas"].items():
        yield from body(name, schema)


def request(line: str, operation: Schema, document: Schema) -> Iterator[str]:
    """Write what can be asked, and what is answered."""
    yield f"### `{line}`\n"
    yield f"{operation['summary']}\n"
    if "description" in operation:
        yield f"{prose(operation)}\n"
    token = "Needs no token." if operation.get("security") == [] else "Needs the session's token."
    given = operation.get("requestBody")
    yield f"{token}{f' The body is {type_of(contents(given))}.' if given else ''}\n"
    yield "| Status | Body |"
    yield "|---|---|"
    for code, response in operation["responses"].items():
        found = resolved(response, document)
        yield f"| {code} {HTTPStatus(int(code)).phrase} | {type_of(contents(found))} |"
    yield ""


def body(name: str, schema: Schema) -> Iterator[str]:
    """Write one schema: its members, or the words that it can be."""
    yield f"### `{name}`\n"
    if "description" in schema:
        yield f"{prose(schema)}\n"
    if "properties" not in schema:
        yield f"{type_of(schema)}\n"
        return
    yield "| Member | Type | |"
    yield "|---|---|---|"
    for member, inner in schema["properties"].items():
        needed = "required" if member in schema.get("required", ()) else ""
        facts = [needed, *bounds(inner), prose(inner)]
        yield f"| `{member}` | {type_of(inner)} | {'; '.join(fact for fact in facts if fact)} |"
    yield ""


def resolved(schema: Schema, document: Schema) -> Schema:
    """Follow a reference."""
    if "$ref" not in schema:
        return schema
    found: Any = document
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def contents(holder: Schema) -> Schema:
    """Return the schema of a body; there is one form of each."""
    (content,) = holder["content"].values()
    return dict(content["schema"])


def type_of(schema: Schema) -> str:
    """Name a type; those that have a part of the page of their own are linked."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}"
    return "time" if schema.get("format") == "date-time" else str(schema.get("type", "any JSON"))


def bounds(schema: Schema) -> Iterator[str]:
    """Tell a member's bounds and its default."""
    for bound, words in _BOUNDS.items():
        if bound in schema:
            yield f"{words} {schema[bound]}{_UNITS.get(bound, '')}"
    if "default" in schema:
        yield f"default `{schema['default'] or json.dumps(schema['default'])}`"


def prose(schema: Schema) -> str:
    """Return a description as one paragraph."""
    return " ".join(str(schema.get("description", "")).split())
