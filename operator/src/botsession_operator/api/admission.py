"""The API server's checks of a BotSession, without an API server.

`botsession run FILE` has no cluster, but must refuse what `kubectl apply` refuses, with the same sentence. So it
evaluates the same CRD: unknown fields, defaults, the schema and the CEL rules. It skips rules about changes
(`oldSelf`), as the API server does on create.
"""

import functools
import json
import re
import secrets
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final

import cel
import jsonschema
import yaml

from botsession_contract.names import API_VERSION, KIND, VERSION
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.api.spec_bounds import bound_problems
from botsession_operator.api.yaml_loader import SAFE_LOADER

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def admit(manifest: Any) -> Json:
    """Return the manifest with defaults filled in; raise SpecError with one line for each problem.

    As on the API server, each kind of check starts only if the one before found nothing: a rule may rely on the schema,
    and a misspelt field should not be reported as a missing one.
    """
    schema = session_schema()
    submitted = _as_json(manifest)
    check_head(submitted)
    _refuse(f'unknown field "{path}"' for path in _unknown_fields(schema, submitted, ""))
    admitted: Json = _defaulted(schema, submitted)
    admitted.pop("status", None)  # the API server ignores it too: status has its own path
    _refuse(_schema_problems(admitted))
    if not admitted["metadata"].get("name"):
        admitted["metadata"]["name"] = f"{admitted['metadata']['generateName']}{secrets.token_hex(3)[:5]}"
    _refuse([*_name_problems(admitted["metadata"]["name"]), *_rule_problems(schema, admitted, "")])
    _refuse(bound_problems(admitted["spec"]))
    return admitted


def check_head(manifest: Any) -> None:
    """Raise SpecError if a manifest is no BotSession, or has metadata that no object may have."""
    _refuse(_head_problems(manifest))


def _as_json(manifest: Any) -> Any:
    """Return the JSON that kubectl sends for a YAML document, in which dates are strings."""
    try:
        return json.loads(json.dumps(manifest, default=str, allow_nan=False))
    except RecursionError:
        raise SpecError("the manifest is nested too deep") from None
    except (TypeError, ValueError) as exc:
        raise SpecError(f"the manifest is not JSON: {exc}") from None


@functools.cache
def session_schema() -> Json:
    """Return the schema in the CRD: in the wheel's copy, or in the checkout's for an editable install."""
    packaged = resources.files("botsession_operator") / "crds" / "botsession.yaml"
    source = packaged if packaged.is_file() else Path(__file__).parents[4] / "crds" / "botsession.yaml"
    versions = yaml.load(source.read_text(encoding="utf-8"), SAFE_LOADER)["spec"]["versions"]  # noqa: S506  # a safe loader
    (schema,) = (version["schema"]["openAPIV3Schema"] for version in versions if version["name"] == VERSION)
    return dict(schema)


def _refuse(problems: Iterator[str] | list[str]) -> None:
    if found := list(dict.fromkeys(problems)):
        raise SpecError("\n".join(found))


def _head_problems(manifest: Any) -> Iterator[str]:
    if not isinstance(manifest, dict):
        yield "the manifest must be an object with apiVersion, kind, metadata and spec"
        return
    for field, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if manifest.get(field) != expected:
            yield f"{field}: must be {expected}"
    yield from _metadata_problems(manifest.get("metadata"))


def _metadata_problems(metadata: Any) -> Iterator[str]:
    if not isinstance(metadata, dict | None):
        yield "metadata: must be an object"
        return
    if not metadata or not (metadata.get("name") or metadata.get("generateName")):
        yield "metadata.name: Required value: name or generateName is required"
        return
    for field in ("name", "generateName", "namespace"):
        if not isinstance(metadata.get(field), str | None):
            yield f"metadata.{field}: must be a string{_quoted(metadata[field])}"
    for field in ("labels", "annotations"):
        yield from _texts_problems(metadata.get(field), f"metadata.{field}")
    if not _is_list_of(metadata.get("finalizers"), str):
        yield "metadata.finalizers: must be a list of strings"
    if not _is_list_of(metadata.get("ownerReferences"), dict):
        yield "metadata.ownerReferences: must be a list of objects"


def _texts_problems(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict | None):
        yield f"{path}: must be an object"
        return
    for key, each in (value or {}).items():
        if not isinstance(each, str):
            yield f"{path}.{key}: must be a string{_quoted(each)}"


def _is_list_of(value: Any, kind: type) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, kind) for each in value))


def _quoted(value: Any) -> str:
    """Return a hint to put quotes around a number or a boolean that must be a string."""
    return f', in quotes: "{json.dumps(value)}"' if isinstance(value, int | float) else ""


def _name_problems(name: str) -> Iterator[str]:
    if not _SUBDOMAIN.fullmatch(name):
        yield (
            "metadata.name: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
            "'.', and must start and end with an alphanumeric character"
        )


def _members(schema: Json, value: Any, path: str) -> Iterator[tuple[Any, Json, str]]:
    """Yield key or index, schema and path of each direct member that the schema describes."""
    if isinstance(value, list) and "items" in schema:
        yield from ((index, schema["items"], f"{path}[{index}]") for index in range(len(value)))
    if isinstance(value, dict):
        for key in value:
            if key in schema.get("properties", {}):
                yield key, schema["properties"][key], f"{path}.{key}".lstrip(".")
            elif "additionalProperties" in schema:
                yield key, schema["additionalProperties"], f"{path}[{key}]"


def _unknown_fields(schema: Json, value: Any, path: str) -> Iterator[str]:
    members = list(_members(schema, value, path))
    # A schema without properties describes any object: metadata, and what preserves unknown fields.
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "properties" not in schema
    if isinstance(value, dict) and not is_open:
        yield from (f"{path}.{key}".lstrip(".") for key in value if key not in schema["properties"])
    for key, member, at in members:
        yield from _unknown_fields(member, value[key], at)


def _defaulted(schema: Json, value: Any) -> Any:
    """Return the value with defaults filled in. A null counts as absent if the schema knows the field."""
    known = {key for key, _, _ in _members(schema, value, "")}
    if isinstance(value, list):
        return [_defaulted(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    present = {key: item for key, item in value.items() if item is not None or key not in known}
    absent = {
        key: member["default"] for key, member in properties.items() if "default" in member and key not in present
    }
    filled = {**present, **absent}
    inner = {key: _defaulted(member, filled[key]) for key, member, _ in _members(schema, filled, "")}
    return {**filled, **inner}


def _schema_problems(manifest: Json) -> Iterator[str]:
    for error in _validator().iter_errors(manifest):
        parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path]
        for at, sentence in _sentences(error):
            yield f"{''.join([*parts, at]).lstrip('.')}: {sentence}"
    yield from _duplicates(session_schema(), manifest, "")


def _sentences(error: jsonschema.ValidationError) -> Iterator[tuple[str, str]]:
    """Yield an error as the API server words it: the place below the error's path, and the sentence."""
    bound: Any = error.validator_value
    value: Any = error.instance
    match error.validator:
        case "required":
            yield from ((f".{name}", "Required value") for name in bound if name not in value)
        case "type":
            yield "", f"must be of type {bound if isinstance(bound, str) else ','.join(bound)}"
        case "enum":
            choices = ", ".join(json.dumps(choice) for choice in bound)
            yield "", f"Unsupported value: {json.dumps(value)}: supported values: {choices}"
        case "minLength":
            yield "", f"should be at least {bound} chars long"
        case "maxLength":
            yield "", f"Too long: may not be more than {bound} bytes"
        case "pattern":
            yield "", f"should match '{bound}'"
        case "maxItems" | "maxProperties":
            yield "", f"Too many: {len(value)}: must have at most {bound} items"
        case _:
            yield "", error.message


def _duplicates(schema: Json, value: Any, path: str) -> Iterator[str]:
    """Yield a problem for each item of a keyed list that has the key of an earlier one."""
    if isinstance(value, list) and (keys := schema.get("x-kubernetes-list-map-keys")):
        seen: list[Json] = []
        for index, item in enumerate(value):
            identity = {key: item.get(key) for key in keys} if isinstance(item, dict) else {}
            if identity in seen:
                yield f"{path}[{index}]: Duplicate value: {json.dumps(identity, separators=(',', ':'))}"
            seen.append(identity)
    for key, member, at in _members(schema, value, path):
        yield from _duplicates(member, value[key], at)


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_json_schema(session_schema()))


def _json_schema(schema: Any) -> Any:
    """Return a structural schema as a JSON schema. Its only type that JSON schema lacks is int-or-string."""
    if isinstance(schema, list):
        return schema
    either = {"type": ["integer", "string"]} if schema.get("x-kubernetes-int-or-string") else {}
    json_schema = {key: value for key, value in schema.items() if not key.startswith("x-") and key != "properties"}
    for key in ("items", "additionalProperties"):
        if key in json_schema:
            json_schema[key] = _json_schema(json_schema[key])
    return {
        **json_schema,
        **either,
        "properties": {key: _json_schema(p) for key, p in schema.get("properties", {}).items()},
    }


def _rule_problems(schema: Json, value: Any, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        program = _compiled(rule["rule"])
        if "oldSelf" not in program.variables() and not program.execute({"self": _declared(schema, value)}):
            yield f"{path}{rule.get('fieldPath', '')}: {rule['message']}".removeprefix(": ")
    for key, member, at in _members(schema, value, path):
        yield from _rule_problems(member, value[key], at)


_compiled = functools.cache(cel.compile)


def _declared(schema: Json, value: Any) -> Any:
    """Return the value that a rule sees: declared fields only, and the metadata that every object has."""
    if isinstance(value, dict) and ("properties" in schema or "additionalProperties" in schema):
        return {key: _declared(member, value[key]) for key, member, _ in _members(schema, value, "")}
    if isinstance(value, list):
        return [_declared(schema.get("items", {}), item) for item in value]
    return value
