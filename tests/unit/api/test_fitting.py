"""Every status is brought to the CRD's bounds before it is written, whatever a pod or a policy put into it."""

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.conversation import Conversation, ProcessorErrors
from botsession_contract.json_codec import decode, encode
from botsession_contract.lifecycle import Cause, Mode, Outcome, Phase, ProcessorKind, Reason, ReportedBy, Step
from botsession_contract.report import DanglingTasks, StepTaken
from botsession_operator.api.fitting import MAX_TEXT_LENGTH, SCHEMA, fit_status, fitted
from botsession_operator.api.spec import Json
from botsession_operator.api.status import (
    Condition,
    ConditionStatus,
    ConditionType,
    EndingStatus,
    Finish,
    Status,
    TimingsStatus,
)
from tests.builders import NOW, over, started
from tests.crd import status_problems

FINISH: Final = Finish(Reason.COMPLETED, Outcome.DRAINED, ReportedBy.RUNTIME)
HEARD: Final = Conversation(
    has_audio=True,
    first_sound_at=NOW,
    bot_turns=2,
    caller_turns=1,
    errors=(ProcessorErrors(ProcessorKind.STT, 3, "FarSTT", "connectivity", "refused", "timed out"),),
)
FINISHED: Final = replace(over(since=1), finish=FINISH)
EXTREME: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [
        *(None, True, -(2**63), 2**80, 10**400, 1e300, float("nan"), "", "x" * 40_000, "\x00\x1b\ud800", "Abducted"),
        *([], {}, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-31T12:00:00Z", [{}] * 40, ["n"] * 40),
    ]
)


def status_json(schema: Json) -> st.SearchStrategy[Any]:
    """Return values that are almost what a schema says, and extreme in each place."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return EXTREME
    match schema["type"]:
        case "object":
            members = {name: status_json(member) for name, member in schema["properties"].items()}
            return EXTREME | st.fixed_dictionaries({}, optional=members)
        case "array":
            return EXTREME | st.lists(status_json(schema["items"]), max_size=3)
        case "string" if "enum" in schema:
            return EXTREME | st.sampled_from(schema["enum"])
    return EXTREME | st.integers(0, 9) | st.text(max_size=5) | st.just("2026-01-31T12:00:00Z")


MEMBERS: Final = {name: status_json(member) for name, member in SCHEMA["properties"].items()}
STATUSES: Final = st.fixed_dictionaries(
    {"phase": st.sampled_from(["Running", "Failed"]), "observedGeneration": st.just(1)},
    optional={name: each for name, each in MEMBERS.items() if name not in ("phase", "observedGeneration")},
)


@given(STATUSES)
def test_whatever_is_in_a_status_the_api_server_takes_what_is_made_of_it(status: Json) -> None:
    fit = fit_status(status)

    assert status_problems(fit) == []
    assert fit_status(fit) == fit
    assert isinstance(decode(Status, fit), Status)


@pytest.mark.parametrize("status", [started(), started(conversation=HEARD), FINISHED, Status(Phase.PENDING, 1)])
def test_a_status_that_fits_is_not_changed(status: Status) -> None:
    assert fitted(status) is status


@pytest.mark.parametrize(
    ("status", "fit"),
    [
        pytest.param(
            replace(FINISHED, finish=replace(FINISH, message="m" * 5000)),
            replace(FINISHED, finish=replace(FINISH, message="m" * 4095 + "…")),
            id="a policy's refusal of over 4,000 characters",
        ),
        pytest.param(
            replace(FINISHED, finish=replace(FINISH, frame="F" * 2000)),
            replace(FINISHED, finish=replace(FINISH, frame="F" * 1023 + "…")),
            id="a frame",
        ),
        pytest.param(
            replace(FINISHED, dangling_tasks=DanglingTasks(21, ("n",) * 21)),
            replace(FINISHED, dangling_tasks=DanglingTasks(21, ("n",) * 20)),
            id="21 names of tasks",
        ),
        pytest.param(
            replace(FINISHED, timings=TimingsStatus(scheduled=1.0, drained=float("nan"))),
            replace(FINISHED, timings=TimingsStatus(scheduled=1.0)),
            id="NaN",
        ),
        pytest.param(
            replace(FINISHED, finish=replace(FINISH, exit_code=2**40)),
            replace(FINISHED, finish=replace(FINISH, exit_code=2**31 - 1)),
            id="an exit code of 40 bits",
        ),
        pytest.param(
            replace(FINISHED, finish=replace(FINISH, message="\x1b[31mred\ud800")),
            replace(FINISHED, finish=replace(FINISH, message=r"\x1b[31mred\ud800")),
            id="what a terminal would obey",
        ),
        pytest.param(replace(FINISHED, result=10**400), FINISHED, id="a result that cannot be kept"),
    ],
)
def test_what_does_not_fit_is_brought_to_the_bound(status: Status, fit: Status) -> None:
    assert fitted(status) == fit


def test_steps_beyond_the_bound_are_left_out() -> None:
    ending = EndingStatus(Cause.DELETED, Mode.GRACEFUL, NOW, steps=(StepTaken(Step.KILL, NOW),) * 17)
    fit = fitted(replace(started(), ending=ending)).ending
    assert fit
    assert len(fit.steps) == 16


@pytest.mark.parametrize(("reason", "expected"), [("", "Unknown"), ("r" * 2000, "r" * 1023 + "…"), ("a b", "a b")])
def test_a_reason_that_a_kubelet_or_a_policy_gave_fits_a_condition(reason: str, expected: str) -> None:
    said = Condition(ConditionType.STARTED, ConditionStatus.FALSE, reason, "m" * 40_000, NOW, 1)
    (fit,) = fitted(replace(started(), conditions=(said,))).conditions
    assert (fit.reason, len(fit.message)) == (expected, MAX_TEXT_LENGTH)


def test_a_word_that_the_crd_does_not_have_is_unknown_or_left_out() -> None:
    words = {
        "finish": {**encode(FINISH), "outcome": "Evaporated", "reason": "Abducted"},
        "webhook": {"started": "Lost"},
    }
    fit = fit_status(encode(FINISHED) | words)
    assert (fit["finish"]["outcome"], fit["finish"]["reason"], fit["webhook"]) == ("Unknown", "Unknown", {})


def test_the_largest_status_is_one_that_every_reader_takes() -> None:
    said = tuple(Condition(kind, ConditionStatus.TRUE, "R", "<" * 40_000, NOW, 1) for kind in ConditionType)
    largest = fitted(
        replace(FINISHED, conditions=said, finish=replace(FINISH, message="<" * 9000, stuck_at="<" * 9000))
    )
    # The API server writes `<` as six bytes; what is read of a status is bounded by api/bounded_json.py.
    text = str(encode(largest))
    assert len(text) + 5 * text.count("<") < 256 * 1024
