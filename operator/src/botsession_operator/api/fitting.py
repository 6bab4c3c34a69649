"""Make a status fit the CRD, whatever a pod, a kubelet or a policy put into it.

The bounds are the CRD's own: `status_schema.json` is generated from it. Texts that are too long are cut, numbers that
are too large become the bound, and invalid values are left out, so that the API server accepts the rest.
"""

import json
import math
from importlib import resources
from typing import Any, Final

from botsession_contract.bounded_json import clean_text
from botsession_contract.json_codec import decode, encode, parse_time
from botsession_contract.result import ResultError
from botsession_contract.result import to_json as check_result
from botsession_operator.api.spec import Json
from botsession_operator.api.status import Status

SCHEMA: Final[Json] = json.loads((resources.files(__package__) / "status_schema.json").read_text(encoding="utf-8"))
#: Some bounds of the CRD are larger, but eight texts of that length would make the status too large to read.
MAX_TEXT_LENGTH: Final = 4096
#: Stands for a value that the CRD's enum lacks, and for a text that must not be empty.
UNKNOWN: Final = "Unknown"
_MAX_INTEGERS: Final = {"int32": 2**31 - 1, "int64": 2**63 - 1}


class UnfitError(ValueError):
    """A value cannot be changed into one that the CRD accepts."""


def fitted(status: Status) -> Status:
    """Return a status that the CRD accepts: the same one, if the CRD accepts that."""
    written = encode(status)
    fit = fit_status(written)
    return status if fit == written else decode(Status, fit)


def fit_status(status: Json) -> Json:
    """Return the JSON of a status within the CRD's bounds. A status that fits is not changed."""
    fit: Json = _fit(SCHEMA, status)
    return fit


def _fit(schema: Json, value: Any) -> Any:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return _free_form(value)
    match schema["type"]:
        case "object":
            return _object(schema, value)
        case "array":
            return _array(schema, value)
        case "string":
            return _text(schema, value)
        case "integer":
            return _integer(schema, value)
        case "number":
            return _number(value)
        case "boolean":
            return _boolean(value)
    raise UnfitError(f"no rule for {schema['type']}")


def _object(schema: Json, value: Any) -> Json:
    if not isinstance(value, dict):
        raise UnfitError("not an object")
    fit = {}
    for name, member in schema["properties"].items():
        if value.get(name) is not None:
            try:
                fit[name] = _fit(member, value[name])
            except UnfitError:
                continue
    if missing := [name for name in schema.get("required", ()) if name not in fit]:
        raise UnfitError(f"{missing[0]} is missing")
    return fit


def _array(schema: Json, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise UnfitError("not a list")
    fit = []
    for item in value:
        try:
            fit.append(_fit(schema["items"], item))
        except UnfitError:
            continue
    return fit[: schema.get("maxItems", len(fit))]


def _text(schema: Json, value: Any) -> str:
    if not isinstance(value, str):
        raise UnfitError("not a string")
    if "enum" in schema:
        return _enum_value(schema["enum"], value)
    if schema.get("format") == "date-time":
        return _time(value)
    clean, longest = clean_text(value), min(schema.get("maxLength", MAX_TEXT_LENGTH), MAX_TEXT_LENGTH)
    text = clean if len(clean) <= longest else f"{clean[: longest - 1]}…"
    return text if len(text) >= schema.get("minLength", 0) else UNKNOWN


def _enum_value(values: list[str], value: str) -> str:
    if value in values:
        return value
    if UNKNOWN in values:
        return UNKNOWN
    raise UnfitError(f"{value} is not in the enum")


def _time(value: str) -> str:
    try:
        parse_time(value)
    except ValueError as exc:
        raise UnfitError("not a time") from exc
    return value


def _integer(schema: Json, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnfitError("not a whole number")
    largest = _MAX_INTEGERS[schema.get("format", "int64")]
    return min(max(value, -largest), largest)


def _number(value: Any) -> float:
    try:
        if not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except (TypeError, OverflowError):
        pass
    raise UnfitError("not a finite number")


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnfitError("neither true nor false")
    return value


def _free_form(value: Any) -> Any:
    try:
        check_result(value)
    except ResultError as exc:
        raise UnfitError("not a result") from exc
    return value
