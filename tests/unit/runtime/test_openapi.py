"""The OpenAPI document and the application say the same."""

import dataclasses
import json
from enum import StrEnum
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp.test_utils import TestClient, TestServer

from botsession_contract import control, conversation, report, session_limits, shutdown
from botsession_contract.credentials import token_digest
from botsession_contract.json_codec import LOCAL, camel
from botsession_contract.launch import MAX_SESSION_SECONDS
from botsession_contract.lifecycle import (
    BOT_CAUSES,
    WRITTEN_BY_READERS,
    BotState,
    Cause,
    Farewell,
    Mode,
    Outcome,
    Reason,
    Step,
)
from botsession_runtime.control import OPEN_PATHS, create_app
from tests import yaml_files
from tests.endpoint import TOKEN, FakeSession

ROOT = Path(__file__).parents[3]
DOCUMENT = yaml_files.read(ROOT / "docs/reference/openapi.yaml")
SCHEMAS = DOCUMENT["components"]["schemas"]
GOLDEN = ROOT / "tests" / "unit" / "contract" / "golden"
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
PAYLOADS = [
    control.EndRequest,
    control.SessionPatch,
    control.SessionSnapshot,
    session_limits.SessionLimits,
    session_limits.IdlePrompt,
    shutdown.Shutdown,
    shutdown.Overrides,
    report.Ending,
    report.StepTaken,
    report.ExitReport,
    conversation.Conversation,
    conversation.ProcessorErrors,
    report.DanglingTasks,
    report.Timings,
]


def schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


def on_the_wire(payload: Any) -> list["dataclasses.Field[Any]"]:
    return [field for field in dataclasses.fields(payload) if field.metadata != LOCAL]


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: dict[str, Any] = DOCUMENT
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_document_and_application_have_the_same_operations() -> None:
    routes = create_app(FakeSession(), "").router.routes()
    assert sorted((route.resource.canonical, route.method.lower()) for route in routes if route.resource) == sorted(
        OPERATIONS
    )


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.__name__)
def test_schema_has_the_members_of_its_payload(payload: Any) -> None:
    assert SCHEMAS[payload.__name__]["properties"].keys() == {camel(field.name) for field in on_the_wire(payload)}


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.__name__)
def test_schema_requires_what_is_always_there(payload: Any) -> None:
    always = {camel(field.name) for field in dataclasses.fields(payload) if field.default is dataclasses.MISSING}
    required = set(SCHEMAS[payload.__name__].get("required", []))
    # Members that have a default are always written, unless they are None.
    written = {
        camel(field.name)
        for field in dataclasses.fields(payload)
        if field.default is not None and payload is not control.EndRequest
    }
    assert required == always | written


@pytest.mark.parametrize(
    ("values", "enum"),
    [
        (SCHEMAS["Mode"]["enum"], Mode),
        (SCHEMAS["Cause"]["enum"], Cause),
        (SCHEMAS["Step"]["enum"], Step),
        (SCHEMAS["SessionSnapshot"]["properties"]["state"]["enum"], BotState),
        (SCHEMAS["ExitReport"]["properties"]["reason"]["enum"], Reason),
        (SCHEMAS["ExitReport"]["properties"]["outcome"]["enum"], Outcome),
        (SCHEMAS["Ending"]["properties"]["farewell"]["enum"], Farewell),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_enums_are_the_contracts(values: list[str], enum: type[StrEnum]) -> None:
    # What stands for words of other versions is never written.
    assert values == [member.value for member in enum if enum not in WRITTEN_BY_READERS or member != "Unknown"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("end-request-smallest", "EndRequest"),
        ("end-request-full", "EndRequest"),
        ("session-patch-smallest", "SessionPatch"),
        ("session-patch-full", "SessionPatch"),
        ("session-patch-no-overrides", "SessionPatch"),
        ("snapshot-starting", "SessionSnapshot"),
        ("snapshot-running", "SessionSnapshot"),
        ("snapshot-ending", "SessionSnapshot"),
        ("snapshot-finished", "SessionSnapshot"),
        ("report-full", "ExitReport"),
    ],
)
def test_golden_payload_fits_its_schema(file: str, name: str) -> None:
    jsonschema.validate(json.loads((GOLDEN / f"{file}.json").read_text()), schema(name))


def test_bounds_are_the_contracts() -> None:
    seconds = SCHEMAS["EndRequest"]["properties"]["gracePeriodSeconds"]
    assert (seconds["minimum"], seconds["maximum"]) == (0, MAX_SESSION_SECONDS)


def test_only_probes_are_open() -> None:
    is_open = {path for path, method in OPERATIONS if DOCUMENT["paths"][path][method].get("security") == []}
    assert is_open == OPEN_PATHS


def documented(path: str, method: str, status: int) -> dict[str, Any]:
    return resolve(DOCUMENT["paths"][path][method]["responses"][str(status)])


BODIES = {"/v1/session": {"deadline": "2026-01-31T09:30:00Z"}, "/v1/session/end": {"mode": "Graceful"}}
ANSWERS = [
    pytest.param(path, method, token, body, session, id=f"{method} {path}: {what}")
    for path, method in OPERATIONS
    for what, token, body, session in (
        ("as it should be", TOKEN, BODIES.get(path), FakeSession),
        ("no token", "", BODIES.get(path), FakeSession),
        ("a typo", TOKEN, {"tpyo": 1}, FakeSession),
        ("a wrong state", TOKEN, BODIES.get(path), lambda: FakeSession(is_ready=False, refusal="no")),
        ("too large", TOKEN, {"mode": "x" * control.LARGEST_BODY_BYTES}, FakeSession),
        ("no JSON", TOKEN, None, FakeSession),
    )
]


@pytest.mark.parametrize(("path", "method", "token", "body", "make_session"), ANSWERS)
async def test_every_answer_is_documented(path: str, method: str, token: str, body: Any, make_session: Any) -> None:
    app = create_app(make_session(), token_digest(TOKEN))
    headers = {"Authorization": f"Bearer {token}"}
    async with TestClient(TestServer(app)) as client:
        response = await client.request(method, path, headers=headers, **({"json": body} if body else {}))
        content = documented(path, method, response.status)["content"][response.content_type]["schema"]
        if "json" in response.content_type:
            jsonschema.validate(
                await response.json(content_type=None), {**content, "components": DOCUMENT["components"]}
            )


def test_request_may_have_the_causes_that_are_not_the_bots_own() -> None:
    assert SCHEMAS["RequestCause"]["enum"] == [each for each in SCHEMAS["Cause"]["enum"] if each not in BOT_CAUSES]
