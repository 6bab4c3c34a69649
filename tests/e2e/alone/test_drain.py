"""What a drained node means to the calls on it, on a real cluster."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.caller import FAREWELL, Caller
from tests.e2e.world import KUBECTL, PATIENCE, Json, Session, World, kubectl, make_namespace

pytestmark = pytest.mark.cluster

PARROT = {"image": "botsession/parrot:dev", "target": "bot.py"}
FAREWELL_HEARD = "we have reached our time limit goodbye"
GRACEFUL = {"gracePeriod": "60s", "farewell": FAREWELL}
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget"
#: Bots that wait for a client, or have one, or cannot tell.
WAITS = {"target": "talks.py", "body": {"transport": "reports"}}
IN_CALL = {"target": "talks.py", "body": {"transport": "reports", "client": 0}}
CANNOT_TELL = {"target": "talks.py", "body": {"transport": "silent"}}


@contextmanager
def drain(sessions: Sequence[Session], *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Begin to drain the sessions' node, of these sessions only; the node takes pods again afterwards.

    Everything else on the node stays, the operator too.
    """
    (node,) = {session.status["nodeName"] for session in sessions}
    uids = ",".join(session.history.last["metadata"]["uid"] for session in sessions)
    selector = f"--pod-selector=botsession.dev/session-uid in ({uids})"
    command = [str(KUBECTL), "drain", node, selector, "--delete-emptydir-data", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
        assert kubectl("uncordon", node).returncode == 0


def until_drained(process: "subprocess.Popen[str]") -> str:
    """Wait until a node is drained; return what kubectl said, its exit code last."""
    said, _ = process.communicate(timeout=PATIENCE + 20)
    return f"{said}exit code {process.returncode}"


def until_refused(process: "subprocess.Popen[str]", sessions: Sequence[Session]) -> None:
    """Read what kubectl says, up to the refusal of each of these sessions' pods."""
    assert process.stdout
    said, pods = [], {session.status["podName"] for session in sessions}
    for line in process.stdout:
        said.append(line)
        if REFUSED in line:
            pods -= {pod for pod in pods if pod in line}
        if not pods:
            return
    raise AssertionError(f"the drain was not refused: {''.join(said)}")


def budgets(world: World) -> list[Json]:
    """List the PodDisruptionBudgets of the test's namespace."""
    listed = kubectl("get", "poddisruptionbudgets", "-n", world.namespace, "-o", "json")
    items: list[Json] = json.loads(listed.stdout)["items"]
    return items


def protected(status: Json) -> str:
    """Return what the condition Protected says."""
    said = [each for each in status.get("conditions", []) if each["type"] == "Protected"]
    return f"{said[0]['status']} {said[0]['reason']}" if said else ""


def evicted(world: World, session: Session, outcome: str = "Drained") -> None:
    """Wait for the end, which must have been an eviction that was reported, and leaves no pod."""
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == ("Evicted", outcome, "Runtime")
    world.nothing_is_left(session)


@dataclass
class Drained:
    """A node that two commands have drained at once, each of its own session; what was heard, and what they said."""

    world: World
    called: Session
    spot: Session
    heard: str
    said: tuple[str, str]


@pytest.fixture(scope="module")
def drained(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drained]:
    world, limit = World(make_namespace("e2e")), f"--timeout={PATIENCE}s"
    called = world.session("called", bot=PARROT, shutdown=GRACEFUL)
    long = {"gracePeriod": "60s", "cancelPeriod": "60s"}
    spot = world.session("spot", bot={"target": "swallows_end.py"}, shutdown=long)
    for session in (called, spot):
        session.eventually(phase="Running")
    with Caller(called, tmp_path_factory.mktemp("calls"), "hello") as caller:
        caller.until_event("said")
        with drain([spot], "--grace-period=20", limit) as noticed, drain([called], limit) as patient:
            said = until_drained(patient)
            drained = Drained(world, called, spot, caller.heard(), (said, until_drained(noticed)))
    yield drained
    world.close()
    kubectl("delete", "namespace", world.namespace, "--wait=false")


def test_caller_hears_the_farewell_while_the_node_is_drained(drained: Drained) -> None:
    assert drained.said[0].endswith("drained\nexit code 0")
    assert FAREWELL_HEARD in drained.heard
    evicted(drained.world, drained.called)
    assert budgets(drained.world) == []


def test_ladder_is_shortened_to_the_notice_that_is_given(drained: Drained) -> None:
    assert drained.said[1].endswith("exit code 0")
    evicted(drained.world, drained.spot, "Forced")
    assert budgets(drained.world) == []
    assert [taken["step"] for taken in drained.spot.status["ending"]["steps"]] == ["EndFrame", "ForcedCancelFrame"]


def test_protected_sessions_hold_a_drain_up_until_they_end_or_may_go(world: World) -> None:
    never = world.session("never", bot=IN_CALL, eviction="Never")
    busy = [
        world.session(name, bot=bot, eviction="WhenIdle") for name, bot in (("busy", IN_CALL), ("unsure", CANNOT_TELL))
    ]
    idle = world.session("idle", bot=WAITS, eviction="WhenIdle", joinTimeout="0s")
    never.until(lambda status: protected(status) == "True Never", what="protected")
    for session in busy:
        session.until(lambda status: protected(status) == "True InCall", what="protected")
    idle.until(lambda status: protected(status) == "False Idle", what="idle")

    with drain([never, *busy, idle], f"--timeout={PATIENCE}s") as process:
        until_refused(process, [never, *busy])
        evicted(world, idle)
        assert {session.status["phase"] for session in (never, *busy)} == {"Running"}
        world.edit(never, end="Graceful")
        for session in busy:
            world.edit(session, eviction="Allow")
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0

    finish = never.finishes()
    assert (finish["reason"], finish["outcome"]) == ("EndRequested", "Drained")
    assert protected(never.status) == "False Ending"
    world.nothing_is_left(never)
    for session in busy:
        evicted(world, session)
    assert budgets(world) == []
