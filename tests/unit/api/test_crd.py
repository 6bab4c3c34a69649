"""The CRD and the code say the same: no field is written by hand in two places without a test that notices."""

import dataclasses
import types
import typing
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest

from botsession_contract.json_codec import camel
from botsession_contract.lifecycle import Cause
from botsession_contract.names import BOT_CONTAINER, GROUP, KIND, PLURAL, SESSION_FINALIZER, VERSION
from botsession_operator.api.admission import admit, session_schema
from botsession_operator.api.spec import Bot, Idle, IdlePrompt, Override, Shutdown, Spec, parse_spec
from botsession_operator.api.status import ConditionType, Status
from botsession_operator.core.manifests.template_overlay import (
    BOT_FIELDS,
    MOUNT_NAME,
    MOUNT_PATH,
    POD_FIELDS,
    PORT_NAME,
    PORT_NUMBER,
)
from tests.crd import CRD
from tests.manifests import Json, session
from tests.offenders import assert_none

SPEC: Json = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
STATUS: Json = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]


def described(schema: Json, path: str) -> Iterator[tuple[str, Json]]:
    """Walk all fields below a schema."""
    inside = schema.get("items", schema)
    for name, member in inside.get("properties", {}).items():
        yield f"{path}.{name}", member
        yield from described(member, f"{path}.{name}")


FIELDS = dict([("spec", SPEC), ("status", STATUS), *described(SPEC, "spec"), *described(STATUS, "status")])


def names(cls: type[Any]) -> set[str]:
    return {camel(field.name) for field in dataclasses.fields(cls)}


@pytest.mark.parametrize(
    ("cls", "path"),
    [
        (Spec, "spec"),
        (Bot, "spec.bot"),
        (Idle, "spec.idle"),
        (IdlePrompt, "spec.idle.prompt"),
        (Shutdown, "spec.shutdown"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_spec_has_the_fields_that_the_operator_reads(cls: type[Any], path: str) -> None:
    assert FIELDS[path]["properties"].keys() == names(cls)


def test_each_cause_that_ends_a_pipeline_has_an_override() -> None:
    causes = {cause[0].lower() + cause[1:] for cause in Cause} - {"startTimeout", "unknown"}
    assert FIELDS["spec.shutdown.overrides"]["properties"].keys() == causes


def test_an_override_has_the_fields_that_the_operator_reads() -> None:
    overrides = FIELDS["spec.shutdown.overrides"]["properties"]
    # spec.end says the mode.
    expected = {cause: names(Override) - ({"mode"} if cause == "endRequested" else set()) for cause in overrides}
    assert {cause: set(override["properties"]) for cause, override in overrides.items()} == expected


def test_the_pod_template_has_the_fields_that_the_operator_reads() -> None:
    assert FIELDS["spec.podTemplate"]["properties"].keys() == {"metadata", "spec"}
    assert FIELDS["spec.podTemplate.metadata"]["properties"].keys() == {"labels", "annotations"}


def stripped(hint: Any) -> Any:
    """Return the one type in `X | None`."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (member for member in typing.get_args(hint) if member is not type(None))
    return hint


def schema_of(hint: Any) -> Json:
    """Return the schema that a status field of this type must have, without descriptions and bounds."""
    hint = stripped(hint)
    if hint is Any:
        return {}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": schema_of(typing.get_args(hint)[0])}
    if dataclasses.is_dataclass(hint):
        return status_schema(typing.cast("type[Any]", hint))
    if hint is not ConditionType and issubclass(hint, StrEnum):
        return {"type": "string", "enum": [str(member) for member in hint]}
    if issubclass(hint, datetime):
        return {"type": "string", "format": "date-time"}
    return {"type": {int: "integer", float: "number", bool: "boolean"}.get(hint, "string")}


def status_schema(cls: type[Any]) -> Json:
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    schema: Json = {"type": "object", "properties": {camel(f.name): schema_of(hints[f.name]) for f in fields}}
    required = [camel(field.name) for field in fields if is_required(field)]
    return {**schema, "required": required} if required else schema


def is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def bare(schema: Json) -> Json:
    """Return a schema without what the dataclasses do not say."""
    said = {key: value for key, value in schema.items() if key in ("type", "enum", "required", "items", "properties")}
    if schema.get("format") == "date-time":
        said["format"] = "date-time"
    if "items" in said:
        said["items"] = bare(said["items"])
    if "properties" in said:
        said["properties"] = {name: bare(member) for name, member in said["properties"].items()}
    return said


def test_the_status_is_what_the_operator_writes() -> None:
    assert bare(STATUS) == status_schema(Status)


@pytest.mark.parametrize(
    ("cls", "path"), [(Spec, "spec"), (Bot, "spec.bot"), (Shutdown, "spec.shutdown")], ids=["spec", "bot", "shutdown"]
)
def test_choices_in_the_spec_are_the_codes_choices(cls: type[Any], path: str) -> None:
    choices = {name: hint for name, hint in typing.get_type_hints(cls).items() if is_enum(hint)}
    for name, enum in choices.items():
        assert FIELDS[f"{path}.{camel(name)}"]["enum"] == [str(member) for member in enum]


def is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


def test_each_duration_has_a_default_that_the_operator_reads() -> None:
    spec = parse_spec(admit(session())["spec"])
    durations = [getattr(part, field.name) for part in (spec, spec.shutdown) for field in dataclasses.fields(part)]
    assert sum(isinstance(value, timedelta) for value in durations) == 6


def test_each_field_is_described_in_sentences() -> None:
    assert len(FIELDS) > 200
    assert_none(path for path, field in FIELDS.items() if not is_in_sentences(field.get("description", "")))


def is_in_sentences(description: str) -> bool:
    begins = description[:1].isupper() or description.startswith(("asyncio", "`"))
    return begins and description.endswith(".")


def test_each_choice_is_explained() -> None:
    choices = [(path, choice) for path, field in FIELDS.items() for choice in field.get("enum", ())]
    assert len(choices) > 50
    assert_none(
        f"{path}: {choice}"
        for path, choice in choices
        if choice not in obvious_choices(path) and f"`{choice}`" not in FIELDS[path].get("description", "")
    )


def obvious_choices(path: str) -> set[str]:
    return {"", "True", "False", "Unknown"} if path.endswith("conditions.status") else {""}


def test_each_condition_is_explained() -> None:
    for condition in ConditionType:
        assert f"`{condition}`" in FIELDS["status.conditions"]["description"]


def test_each_rule_has_a_sentence_that_says_what_to_write() -> None:
    schemas = [schema for field in FIELDS.values() for schema in (field, field.get("items", {}))]
    rules = [rule for schema in schemas for rule in schema.get("x-kubernetes-validations", ())]
    assert all(rule["message"] and "\n" not in rule["message"] for rule in rules)


#: Fields that may be given, though not with every value.
PARTLY_REFUSED = {"volumeMounts", "ports"}


def test_what_is_refused_in_the_pod_template_has_a_rule_and_is_called_refused() -> None:
    for path in ("spec.podTemplate.spec", "spec.podTemplate.spec.containers"):
        owner = FIELDS[path].get("items", FIELDS[path])
        ruled = {rule["fieldPath"].removeprefix(".") for rule in owner["x-kubernetes-validations"]}
        called = {n for n, field in owner["properties"].items() if field["description"].startswith("Refused")}
        assert ruled - PARTLY_REFUSED == called


def test_names_are_those_of_the_contract() -> None:
    assert (CRD["spec"]["group"], CRD["spec"]["names"]["kind"], CRD["spec"]["names"]["plural"]) == (GROUP, KIND, PLURAL)
    assert [version["name"] for version in CRD["spec"]["versions"]] == [VERSION]
    assert CRD["metadata"]["name"] == f"{PLURAL}.{GROUP}"
    assert BOT_CONTAINER == "bot"
    assert SESSION_FINALIZER.startswith(f"{GROUP}/")


@pytest.mark.parametrize("kind", ["additionalPrinterColumns", "selectableFields"])
def test_columns_and_selectors_are_fields(kind: str) -> None:
    paths = [item["jsonPath"].removeprefix(".") for item in CRD["spec"]["versions"][0][kind]]
    assert {path for path in paths if not path.startswith("metadata.")} <= FIELDS.keys()


def test_admission_reads_this_crd() -> None:
    assert session_schema()["properties"]["spec"] == SPEC


def messages(path: str) -> list[tuple[str, str]]:
    """Return the field and the sentence of each rule."""
    schema = FIELDS[path]
    rules = schema.get("items", schema).get("x-kubernetes-validations", [])
    return [(rule.get("fieldPath", "").removeprefix("."), rule["message"]) for rule in rules]


POD = "spec.podTemplate.spec"


def test_the_crd_refuses_the_fields_that_the_operator_owns_with_its_sentences() -> None:
    assert messages(POD) == list(POD_FIELDS.items())
    beside = {"volumeMounts", "ports"}
    of_bot = [(name, said) for name, said in messages(f"{POD}.containers") if name not in beside]
    assert set(of_bot) - set(BOT_FIELDS.items()) == {
        ("image", "write the sidecar's image, or name the container bot to change the bot's own")
    }
    assert set(BOT_FIELDS.items()) <= set(of_bot)


def test_the_crd_refuses_the_operators_mounts_and_ports_with_its_sentences() -> None:
    shared = {("volumeMounts", MOUNT_NAME), ("ports", PORT_NUMBER)}
    assert set(messages(f"{POD}.initContainers")) == shared
    of_bot = {("volumeMounts", MOUNT_PATH), ("ports", PORT_NAME)}
    assert shared | of_bot <= set(messages(f"{POD}.containers"))
