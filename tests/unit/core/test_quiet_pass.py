"""Budgets of a quiet pass, in counts: what a pass computed before, it does not compute again."""

import dataclasses
import typing
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import pytest

from botsession_contract import json_codec
from botsession_contract import report as contract_report
from botsession_contract.report import to_bytes
from botsession_operator.core.decide import plan
from botsession_operator.core.observe import parse
from botsession_operator.core.status import derive
from botsession_operator.core.webhook import events_due
from tests.bench.quiet_pass import quiet_pass
from tests.builders import report

#: What examines a type. It is slow, and its result never changes.
EXAMINES_TYPES: Final = [
    pytest.param(typing, "get_type_hints", id="typing.get_type_hints"),
    pytest.param(typing, "get_origin", id="typing.get_origin"),
    pytest.param(typing, "get_args", id="typing.get_args"),
    pytest.param(dataclasses, "fields", id="dataclasses.fields"),
    pytest.param(json_codec, "camel", id="camel"),
]


def counted(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[str]:
    """Return a list that gets an item with each call of a function."""
    calls: list[str] = []
    original: Callable[..., Any] = getattr(module, name)

    def counting(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, counting)
    return calls


@pytest.mark.parametrize(("module", "name"), EXAMINES_TYPES)
def test_second_pass_examines_no_type(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    read = quiet_pass()
    read.run()

    calls = counted(monkeypatch, module, name)
    read.run()

    assert calls == []


@pytest.mark.parametrize(("module", "name"), EXAMINES_TYPES)
def test_first_pass_examines_types(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    """The counter above would see a call."""
    read = quiet_pass()
    json_codec._form.cache_clear()
    json_codec._read_as.cache_clear()

    calls = counted(monkeypatch, module, name)
    read.run()

    assert calls


@pytest.mark.parametrize(
    ("module", "name"),
    [
        pytest.param(plan, "timeline_of", id="timeline to plan by"),
        pytest.param(derive, "timeline_of", id="timeline to derive the status by"),
        pytest.param(plan, "conclude", id="finish"),
        pytest.param(events_due, "pending_events", id="pending events of the webhook"),
    ],
)
def test_pass_derives_a_value_once(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    read = quiet_pass()

    calls = counted(monkeypatch, module, name)
    read.run()

    assert calls == [name]


def test_the_report_of_a_pod_that_changes_again_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {"name": "bot", "state": {"terminated": {"message": to_bytes(report()).decode()}}}
    parse._report.cache_clear()
    calls = counted(monkeypatch, contract_report, "from_bytes")

    first, second = (
        parse.parse_pod({"metadata": {"resourceVersion": version}, "status": {"containerStatuses": [ended]}})
        for version in ("1", "2")
    )

    assert first.termination == second.termination
    assert first.termination
    assert first.termination.report
    assert len(calls) == 1


def test_a_message_too_large_for_a_report_is_not_kept() -> None:
    """Everyone who may patch a pod's status can write one. The kubelet cuts a message at 4 KiB."""
    parse._report.cache_clear()
    kept, too_large = (
        {"name": "bot", "state": {"terminated": {"message": "x" * size}}}
        for size in (parse.MAX_KEPT_MESSAGE, parse.MAX_KEPT_MESSAGE + 1)
    )

    pods = [parse.parse_pod({"status": {"containerStatuses": [ended]}}) for ended in (kept, too_large)]

    assert all(pod.termination and pod.termination.message for pod in pods)
    assert parse._report.cache_info().currsize == 1
