"""What a drained node means to the calls on it, on a real cluster."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.caller import FAREWELL, Caller
from tests.e2e.world import KUBECTL, PATIENCE, Json, Session, World, kill_operator, kubectl, wait_until

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
def drain(session: Session, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Begin to drain the session's node, of this session only; the node takes pods again afterwards.

    Everything else on the node stays, the operator too.
    """
    node = session.status["nodeName"]
    selector = f"--pod-selector=botsession.dev/session-uid={session.history.last['metadata']['uid']}"
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


def drained(session: Session, *options: str) -> str:
    """Drain to the end; give what kubectl said, its exit code last."""
    with drain(session, *options) as process:
        said, _ = process.communicate(timeout=PATIENCE + 20)
        return f"{said}exit code {process.returncode}"


def until_refused(process: "subprocess.Popen[str]") -> None:
    """Read what kubectl says, up to the refusal."""
    assert process.stdout
    said = []
    for line in process.stdout:
        said.append(line)
        if REFUSED in line:
            return
    raise AssertionError(f"the drain was not refused: {''.join(said)}")


@contextmanager
def held_up(session: Session) -> Iterator[None]:
    """Drain the session's node, which is refused while it goes on, and goes through by what is done meanwhile."""
    with drain(session, f"--timeout={PATIENCE}s") as process:
        until_refused(process)
        assert session.status["phase"] == "Running"
        yield
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0


def budgets(world: World) -> list[Json]:
    """List the PodDisruptionBudgets of the test's namespace."""
    listed = kubectl("get", "poddisruptionbudgets", "-n", world.namespace, "-o", "json")
    items: list[Json] = json.loads(listed.stdout)["items"]
    return items


def protected(status: Json) -> str:
    """Return what the condition Protected says."""
    said = [each for each in status.get("conditions", []) if each["type"] == "Protected"]
    return f"{said[0]['status']} {said[0]['reason']}" if said else ""


def evicted(world: World, session: Session, outcome: str = "Drained") -> Json:
    """Wait for the end, which must have been an eviction that was reported, and leaves nothing."""
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == ("Evicted", outcome, "Runtime")
    world.nothing_is_left(session)
    assert budgets(world) == []
    return finish


def running(world: World, name: str, bot: Json, **spec: Any) -> Session:
    return world.session(name, bot=bot, **spec).eventually(phase="Running")


def test_caller_hears_the_farewell_while_the_node_is_drained(world: World, tmp_path: Path) -> None:
    session = world.session("drained", bot=PARROT, shutdown=GRACEFUL).eventually(phase="Running")
    with Caller(session, tmp_path, "hello") as caller:
        caller.until_event("said")
        assert drained(session, f"--timeout={PATIENCE}s").endswith("drained\nexit code 0")
        assert FAREWELL_HEARD in caller.heard()
    evicted(world, session)


def test_session_that_may_never_be_evicted_holds_a_drain_up_until_it_ends(world: World) -> None:
    session = running(world, "never", IN_CALL, eviction="Never")
    session.until(lambda status: protected(status) == "True Never", what="protected")
    with held_up(session):
        world.edit(session, end="Graceful")
        finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("EndRequested", "Drained")
    assert protected(session.status) == "False Ending"
    world.nothing_is_left(session)
    assert budgets(world) == []


def test_idle_session_is_evicted_at_once(world: World) -> None:
    session = running(world, "idle", WAITS, eviction="WhenIdle", joinTimeout="0s")
    session.until(lambda status: protected(status) == "False Idle", what="idle")
    assert drained(session, f"--timeout={PATIENCE}s").endswith("exit code 0")
    evicted(world, session)


@pytest.mark.parametrize("bot", [IN_CALL, CANNOT_TELL], ids=["in a call", "cannot tell"])
def test_session_with_a_caller_is_not_idle_and_goes_when_its_policy_is_edited(world: World, bot: Json) -> None:
    session = running(world, "busy", bot, eviction="WhenIdle")
    session.until(lambda status: protected(status) == "True InCall", what="protected")
    with held_up(session):
        world.edit(session, eviction="Allow")
    evicted(world, session)


def test_ladder_is_shortened_to_the_notice_that_is_given(world: World) -> None:
    long = {"gracePeriod": "60s", "cancelPeriod": "60s"}
    session = running(world, "spot", {"target": "swallows_end.py"}, shutdown=long)
    assert drained(session, "--grace-period=20", f"--timeout={PATIENCE}s").endswith("exit code 0")
    evicted(world, session, "Forced")
    assert [taken["step"] for taken in session.status["ending"]["steps"]] == ["EndFrame", "ForcedCancelFrame"]


def test_nothing_protects_a_session_that_ended_while_no_operator_was_there(world: World) -> None:
    session = running(world, "left", IN_CALL, eviction="Never", maxSessionDuration="15s")
    session.until(lambda status: protected(status) == "True Never", what="protected")
    kill_operator()
    assert session.finishes()["reason"] == "MaxDuration"
    wait_until(lambda: budgets(world) == [], PATIENCE, "left without a budget")
    world.nothing_is_left(session)


def test_budget_goes_with_a_session_that_is_deleted_while_the_operator_dies(world: World) -> None:
    session = running(world, "gone", IN_CALL, eviction="Never")
    session.until(lambda status: protected(status) == "True Never", what="protected")
    world.delete(session)
    kill_operator()
    session.goes()
    assert [finish["reason"] for finish in session.history.finishes] == ["Deleted"]
    wait_until(lambda: budgets(world) == [], PATIENCE, "left without a budget")
    world.nothing_is_left(session)
