"""Rule: which part of its start a session is at, and how long each part took."""

from dataclasses import replace
from typing import Any, Final

import pytest

from botsession_contract.lifecycle import BotState, Cause, Outcome, Reason
from botsession_contract.report import Timings
from botsession_operator.api.status import ConditionType, Status, TimingsStatus
from botsession_operator.core.decide.finish import conclude
from botsession_operator.core.observe import startup
from botsession_operator.core.observe.observed import NoSnapshot, Observed, PodState
from tests.builders import (
    NOW,
    POD_NAME,
    ago,
    asked,
    ended,
    observed,
    pod,
    report,
    session,
    snapshot,
    status,
    unmet,
    waiting,
)

STARTING: Final = snapshot(BotState.STARTING)
#: The session of the builders was created 60 s ago.
RUNNING: Final = pod(scheduled_at=ago(58), started_at=ago(55))


@pytest.mark.parametrize(
    ("seen", "reason", "message"),
    [
        pytest.param(observed(session(), None), "WaitingForNode", "the pod has no node yet", id="it is just created"),
        pytest.param(
            observed(session(), waiting(node_name=None)), "WaitingForNode", "the pod has no node yet", id="no node"
        ),
        pytest.param(
            observed(session(), waiting("Unschedulable", "0/2 nodes", node_name=None)),
            "Unschedulable",
            "0/2 nodes",
            id="no node, in the scheduler's words",
        ),
        pytest.param(
            observed(session(), waiting()),
            "PreparingPod",
            "the node prepares the pod's volumes and its network",
            id="volumes and network",
        ),
        pytest.param(
            observed(session(), waiting(is_prepared=True)),
            "ContainerCreating",
            "the image is being pulled, or the container created",
            id="image and container",
        ),
        pytest.param(
            observed(session(), waiting("ErrImagePull", "404", is_prepared=True)),
            "ErrImagePull",
            "404",
            id="the image, in the kubelet's words",
        ),
        pytest.param(
            observed(session(), RUNNING, STARTING),
            "ImportingBot",
            "the bot is being imported; before that: node 2 s, image and container 3 s",
            id="the bot's import",
        ),
        pytest.param(
            observed(session(), RUNNING, NoSnapshot.UNREACHABLE),
            "ImportingBot",
            "the bot is being imported; before that: node 2 s, image and container 3 s",
            id="a supervisor that does not answer yet",
        ),
        pytest.param(
            observed(session(), RUNNING, replace(STARTING, bot_imported_at=ago(52.46))),
            "StartingPipeline",
            "the bot runs and has not started its pipeline; "
            "before that: node 2 s, image and container 3 s, import of the bot 2.5 s",
            id="the pipeline",
        ),
        pytest.param(
            observed(session(), RUNNING, replace(STARTING, listening_at=ago(50))),
            "WaitingForCaller",
            "the bot listens, and no caller has connected",
            id="its caller",
        ),
        pytest.param(
            observed(session(), RUNNING, replace(STARTING, listening_at=ago(50), called_at=ago(1))),
            "CallerConnected",
            "a caller has connected, and the pipeline has not started",
            id="the pipeline for a caller who has come",
        ),
        pytest.param(
            observed(session(), replace(RUNNING, started_at=None, scheduled_at=None), STARTING),
            "ImportingBot",
            "the bot is being imported",
            id="a kubelet that tells no times",
        ),
    ],
)
def test_what_a_session_waits_for(seen: Observed, reason: str, message: str) -> None:
    trouble = startup.waiting_for(seen)

    assert (trouble.reason, trouble.message) == (reason, message)


def struck(reason: str = "", **members: Any) -> Status:
    """Return a status in which startTimeout has struck while the session waited for something."""
    conditions = (unmet(ConditionType.STARTED, reason, "…"),) if reason else ()
    ending = asked(Cause.START_TIMEOUT, since=1)
    return status(**{"ending": ending, "conditions": conditions, "pod_name": POD_NAME, **members})


GONE: Final = pod(PodState.TERMINATED, started_at=None, scheduled_at=ago(58))


@pytest.mark.parametrize(
    ("seen", "imported", "message"),
    [
        pytest.param(observed(session(status()), None), None, "creation of the pod 60 s and not done", id="no pod"),
        pytest.param(
            observed(session(struck("Unschedulable")), replace(GONE, scheduled_at=None, node_name=None)),
            None,
            "node 60 s and not done",
            id="no node",
        ),
        pytest.param(
            observed(session(struck("ErrImagePull", node_name="node-1")), None),
            None,
            "image and container 60 s and not done",
            id="a node, nobody knows since when",
        ),
        pytest.param(
            observed(session(struck("PreparingPod")), GONE),
            None,
            "node 2 s, volumes and network 58 s and not done",
            id="volumes and network",
        ),
        pytest.param(
            observed(session(struck("ErrImagePull")), GONE),
            None,
            "node 2 s, image and container 58 s and not done",
            id="the image",
        ),
        pytest.param(
            observed(session(struck("ImportingBot")), RUNNING, STARTING),
            None,
            "node 2 s, image and container 3 s, import of the bot 55 s and not done",
            id="the import",
        ),
        pytest.param(
            observed(session(struck("ImportingBot")), RUNNING, STARTING),
            4.25,
            "node 2 s, image and container 3 s, import of the bot 4.2 s, start of the pipeline 50.8 s and not done",
            id="the pipeline, by the report",
        ),
        pytest.param(
            observed(session(struck("StartingPipeline")), RUNNING, STARTING),
            None,
            "node 2 s, image and container 3 s, start of the pipeline 55 s and not done",
            id="the pipeline, as it was last seen",
        ),
        pytest.param(
            observed(session(struck("ImportingBot", timings=TimingsStatus(scheduled=1, pod_started=50))), None),
            None,
            "node 1 s, image and container 49 s, import of the bot 10 s and not done",
            id="a pod that is gone is remembered",
        ),
        pytest.param(
            observed(session(struck("ErrImagePull")), replace(GONE, scheduled_at=ago(-5))),
            None,
            "node 65 s, image and container 0 s and not done",
            id="clocks that differ make no time negative",
        ),
    ],
)
def test_how_a_start_timeout_was_spent(seen: Observed, imported: float | None, message: str) -> None:
    spent = replace(seen.session, spec=session(startTimeout="60s").spec)

    assert startup.start_timeout_message(replace(seen, session=spent), imported) == f"startTimeout 1m: {message}"


def finish_message(seen: Observed) -> str | None:
    said = conclude(seen, None, NOW)
    assert said
    return said.finish.message


SLOW: Final = report(
    Reason.START_TIMEOUT,
    Outcome.NEVER_STARTED,
    started_at=None,
    message="the pipeline had not started",
    timings=Timings(bot_imported=4.0),
)
SPENT: Final = (
    "startTimeout 1m: node 2 s, image and container 3 s, import of the bot 4 s, start of the pipeline 51 s and not done"
)


@pytest.mark.parametrize(
    ("left", "message"),
    [
        pytest.param(SLOW, f"{SPENT}; the pipeline had not started", id="before the runtime's own words"),
        pytest.param(replace(SLOW, message=None), SPENT, id="where it had none"),
        pytest.param(
            replace(SLOW, started_at=ago(1)), "the pipeline had not started", id="not where it started in the end"
        ),
        pytest.param(
            replace(SLOW, reason=Reason.BOT_ERROR), "the pipeline had not started", id="not where the bot failed first"
        ),
    ],
)
def test_finish_tells_how_the_start_timeout_was_spent(left: Any, message: str) -> None:
    its_pod = ended(left=left, scheduled_at=ago(58))
    seen = observed(session(struck("StartingPipeline"), startTimeout="60s"), its_pod)

    assert finish_message(seen) == message
