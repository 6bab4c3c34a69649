"""Rule: what a change of status is worth telling as an Event."""

from dataclasses import replace
from typing import Final

import pytest

from botsession_contract.lifecycle import Cause, Outcome, Phase, Reason, ReportedBy
from botsession_operator.api.reasons import ConditionReason, EventReason
from botsession_operator.api.status import ConditionType, Finish, Status
from botsession_operator.core.status.k8s_events import KubernetesEvent, Severity, events_for
from tests.builders import asked, started, status, unmet

NORMAL, WARNING = Severity.NORMAL, Severity.WARNING
REFUSED: Final = status(conditions=(unmet(ConditionType.POD_CREATED, "QuotaExceeded", "over quota"),))
STUCK: Final = status(conditions=(unmet(ConditionType.STARTED, "ErrImagePull"),))
ENDING: Final = started()


def over(phase: Phase, reason: Reason, message: str | None = None) -> Status:
    return status(phase, finish=Finish(reason, Outcome.DRAINED, ReportedBy.RUNTIME, message=message))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(None, status(), [], id="a pod that waits is no news"),
        pytest.param(status(), status(Phase.STARTING), [], id="nor is a bot that starts"),
        pytest.param(
            status(Phase.STARTING),
            started(),
            [KubernetesEvent(NORMAL, EventReason.STARTED, "the pipeline has started")],
            id="it started",
        ),
        pytest.param(started(), started(node_name="node-2"), [], id="the same phase is told once"),
        pytest.param(
            started(),
            status(Phase.ENDING, ending=asked(Cause.MAX_DURATION)),
            [KubernetesEvent(NORMAL, EventReason.ENDING, "Graceful end requested: MaxDuration")],
            id="it is asked to end",
        ),
        pytest.param(
            started(),
            status(Phase.ENDING, ending=replace(asked(Cause.END_REQUESTED), message="somebody left")),
            [KubernetesEvent(NORMAL, EventReason.ENDING, "Graceful end requested: EndRequested, somebody left")],
            id="it is asked to end, and by whom",
        ),
        pytest.param(
            started(),
            over(Phase.SUCCEEDED, Reason.COMPLETED),
            [KubernetesEvent(NORMAL, Reason.COMPLETED, "Drained")],
            id="it succeeded",
        ),
        pytest.param(
            started(),
            over(Phase.FAILED, Reason.BOT_ERROR, "boom"),
            [KubernetesEvent(WARNING, Reason.BOT_ERROR, "Drained: boom")],
            id="it failed, and why",
        ),
        pytest.param(
            None,
            REFUSED,
            [KubernetesEvent(WARNING, ConditionReason.QUOTA_EXCEEDED, "over quota")],
            id="its pod was refused",
        ),
        pytest.param(REFUSED, REFUSED, [], id="a refusal is told once"),
        pytest.param(REFUSED, status(), [], id="a refusal that is over is no news"),
        pytest.param(status(), STUCK, [], id="other conditions are not told"),
    ],
)
def test_what_is_told(before: Status | None, after: Status, told: list[KubernetesEvent]) -> None:
    assert list(events_for(before, after)) == told
