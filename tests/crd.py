"""What the API server refuses of a BotSession's status, by the CRD alone: the fakes and the tests hold to it.

Nothing of ours is used, so that a mistake in what brings a status to the CRD's bounds is seen.
"""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema

from tests import yaml_files
from tests.manifests import Json

CRD: Final = yaml_files.read(Path(__file__).parents[1] / "crds" / "botsession.yaml")
SCHEMA: Final[Json] = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
#: What the API server calls a date-time (k8s.io/kube-openapi/pkg/validation/strfmt).
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_CHECKER: Final = jsonschema.FormatChecker(formats=())


@_CHECKER.checks("date-time")
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or _TIME.fullmatch(value) is not None


@_CHECKER.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@_CHECKER.checks("int64")
def _is_int64(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def status_problems(status: Any) -> list[str]:
    """Return a line for each thing for which the API server would refuse a status."""
    return [*_transport_problems(status), *_schema_problems(_validator("status"), status)]


def spec_problems(spec: Any) -> list[str]:
    """Return a line for each thing in a spec that the schema refuses; its CEL rules are not asked."""
    return [*_transport_problems(spec), *_schema_problems(_validator("spec"), spec)]


def _transport_problems(value: Any) -> Iterator[str]:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as exc:
        yield f"no JSON: {exc}"
    for number in _numbers(value):
        if isinstance(number, int) and not -(2**63) <= number < 2**64:
            yield f"a number of more than 64 bits: {number}"


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _numbers(member)
    elif isinstance(value, int | float):
        yield value


def _schema_problems(validator: jsonschema.Draft202012Validator, value: Any) -> Iterator[str]:
    yield from (f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value))


@functools.cache
def _validator(part: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_json_schema(SCHEMA["properties"][part]), format_checker=_CHECKER)


def _json_schema(schema: Json) -> Json:
    """Turn a structural schema into JSON Schema."""
    plain = {key: value for key, value in schema.items() if not key.startswith("x-") and key != "default"}
    if schema.get("x-kubernetes-int-or-string"):
        plain["type"] = ["integer", "string"]
    for key in ("items", "additionalProperties"):
        if isinstance(plain.get(key), dict):
            plain[key] = _json_schema(plain[key])
    if "properties" in plain:
        plain["properties"] = {name: _json_schema(member) for name, member in plain["properties"].items()}
    return plain
