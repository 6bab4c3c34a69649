"""Real causes, each with the reason and the outcome that a session gets from it; and where the other ones are caused.

tests/unit/contract/test_causes.py holds that no reason and no outcome is without one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from kubernetes import client

from botsession_contract.lifecycle import Outcome, Reason
from tests.e2e.world import Json, Session, World

QUIET: Final = {"target": "quiet.py"}
QUICK: Final = {"gracePeriod": "3s", "cancelPeriod": "3s"}
#: No node has so much.
TOO_MUCH: Final = {"requests": {"memory": "4Ti"}}

#: Seconds that ten bots may take to start at once.
SLOW: Final = 180

Act = Callable[[World, Session], None]


def wait(_: World, __: Session) -> None:
    """Let it end by itself."""


def end_at_once(world: World, session: Session) -> None:
    """Ask for the end, now."""
    world.edit(session.eventually(phase="Running", within=SLOW), end="Immediate")


def evict(world: World, session: Session) -> None:
    """Ask for the eviction of the pod, as `kubectl drain` does."""
    pod = session.eventually(phase="Running", within=SLOW).status["podName"]
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=world.namespace))
    client.CoreV1Api().create_namespaced_pod_eviction(pod, world.namespace, eviction)


def run_where_no_node_is(world: World, session: Session) -> None:
    """Say for the kubelet of a node that is gone that the bot had been running; Kubernetes' pod GC does the rest."""
    world.has_a_pod(session)
    (pod,) = world.pods(session)
    running = {"running": {"startedAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}}
    container = {"name": "bot", "image": "x", "imageID": "x", "ready": True, "restartCount": 0, "state": running}
    # Nothing answers there: it is the operator's own address.
    status = {"phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [container]}
    client.CoreV1Api().patch_namespaced_pod_status(pod, world.namespace, {"status": status})


def on_node(name: str) -> Json:
    """Bind a pod to a node, past the scheduler."""
    return {"spec": {"nodeName": name}}


def a_node() -> str:
    """Name a node of the cluster."""
    node = client.CoreV1Api().list_node().items[0].metadata
    assert node
    return str(node.name)


@dataclass(frozen=True)
class Cause:
    """A session, what is done to it, and what must come of it."""

    name: str
    reason: Reason
    outcome: Outcome
    #: Called when the cluster is there.
    spec: Callable[[], Json]
    act: Act = field(default=wait)


CAUSES: Final = (
    # First, for its act must come before Kubernetes takes the pod away: 40 s after it has missed the node.
    Cause(
        "node-gone",
        Reason.NODE_LOST,
        Outcome.LOST,
        lambda: {"bot": QUIET, "podTemplate": on_node("no-such-machine"), "startTimeout": "10m", "shutdown": QUICK},
        run_where_no_node_is,
    ),
    Cause(
        "cancels-itself",
        Reason.BOT_CANCELLED,
        Outcome.CANCELLED,
        lambda: {"bot": {"target": "completes.py", "body": {"how": "cancel"}}},
    ),
    Cause(
        "ended-at-once",
        Reason.END_REQUESTED,
        Outcome.CANCELLED,
        lambda: {"bot": QUIET},
        end_at_once,
    ),
    Cause(
        "exits",
        Reason.BOT_EXITED,
        Outcome.LOST,
        lambda: {"bot": {"target": "crashes_late.py", "body": {"how": "exit"}}},
    ),
    Cause("evicted", Reason.EVICTED, Outcome.DRAINED, lambda: {"bot": QUIET}, evict),
    Cause(
        "too-slow",
        Reason.START_TIMEOUT,
        Outcome.NEVER_STARTED,
        lambda: {"bot": {"target": "ignores_term.py"}, "startTimeout": "10s", "shutdown": QUICK},
    ),
    Cause(
        "refused-by-the-kubelet",
        Reason.POD_REJECTED,
        Outcome.NEVER_STARTED,
        lambda: {"bot": {**QUIET, "resources": TOO_MUCH}, "podTemplate": on_node(a_node())},
    ),
    Cause(
        "refused-by-the-api-server",
        Reason.POD_REJECTED,
        Outcome.NEVER_STARTED,
        lambda: {
            "bot": QUIET,
            "podTemplate": {"spec": {"serviceAccountName": "nobody"}},
            "startTimeout": "30s",
        },
    ),
    Cause(
        "not-to-be-run",
        Reason.POD_REJECTED,
        Outcome.NEVER_STARTED,
        lambda: {"bot": {**QUIET, "python": "/no/such/python"}},
    ),
)

#: The test that causes what is not in the table above.
ELSEWHERE: Final[dict[Reason | Outcome, tuple[str, str]]] = {
    Reason.UNKNOWN: ("alone/test_operator_away.py", "test_session_of_which_nothing_is_left_ends_as_unknown"),
    Reason.COMPLETED: ("test_main_job.py", "test_caller_is_heard_and_answered_and_the_bots_goodbye_ends_it"),
    Reason.CLIENT_DISCONNECTED: (
        "test_main_job.py",
        "test_caller_who_hangs_up_is_not_taken_for_a_bot_that_cancels",
    ),
    Outcome.UNWATCHED: ("test_wild_processes.py", "test_bot_that_cannot_reach_its_supervisor_runs_unwatched"),
    Reason.OUT_OF_MEMORY: ("test_memory.py", "test_bot_that_the_kernel_takes_alone_is_reported_by_its_supervisor"),
    Reason.IDLE_TIMEOUT: ("test_limits.py", "test_quiet_call_ends_with_the_bots_own_timeout_overruled"),
    Reason.NO_CLIENT: ("test_limits.py", "test_caller_who_never_comes_is_missed"),
    Reason.NO_SOUND: ("test_wild_heard.py", "test_silent_bot_is_ended_by_its_first_sound_timeout"),
    Reason.MAX_DURATION: ("test_main_job.py", "test_farewell_is_heard_when_the_time_is_over"),
    Reason.DELETED: ("test_main_job.py", "test_deletion_waits_for_the_farewell"),
    Reason.BOT_ERROR: ("test_endings.py", "test_crash_before_the_pipeline_started_names_the_line"),
    Reason.IMAGE_PULL: ("test_faults.py", "test_image_that_cannot_be_pulled_is_a_condition_and_then_the_reason"),
    Reason.UNSCHEDULABLE: ("test_faults.py", "test_unschedulable_pod_is_a_condition_and_then_the_reason"),
    Outcome.FORCED: ("test_endings.py", "test_swallowed_end_frame_is_forced_within_grace_and_cancel_period"),
    Outcome.KILLED: ("test_endings.py", "test_blocking_loop_is_killed_and_its_line_is_told"),
}
