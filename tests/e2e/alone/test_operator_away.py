"""The operator is killed, and comes back after a while: sessions in all moments of their lives, at once.

Each has exactly one finish, and no pod, finalizer or object of it stays.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from kubernetes import client

from botsession_operator.core.observe.parse import TOO_LARGE_TO_READ
from tests.e2e.bodies import BODIES, create_with
from tests.e2e.caller import FAREWELL, Caller
from tests.e2e.calls import called, exposed, listed
from tests.e2e.operators import operators_away
from tests.e2e.world import PATIENCE, Json, Session, World, kubectl, make_namespace, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

PARROT: Final = {"image": "botsession/parrot:dev", "target": "bot.py"}
FAREWELL_HEARD: Final = "we have reached our time limit goodbye"
GRACEFUL: Final = {"gracePeriod": "60s", "farewell": FAREWELL}
#: Ten seconds to say it: an ending that goes on is told of only after 3 s.
LONG_WINDED: Final = {"gracePeriod": "60s", "farewell": f"{FAREWELL} {FAREWELL} {FAREWELL}"}
QUIET: Final = {"target": "quiet.py"}
COMPLETES: Final = {"target": "completes.py"}
ANSWERS: Final = {"target": "answers.py", "transport": {"type": "websocket"}, "body": {"hangs_up": 0.5}}
IN_CALL: Final = {"target": "talks.py", "body": {"transport": "reports", "client": 0}}
#: Long enough for the operator to be killed midway.
SLOWLY: Final = {"gracePeriod": "15s", "cancelPeriod": "1m"}
FREED: Final = ("--type=merge", "-p", '{"metadata":{"finalizers":null}}')
#: What has the API server refuse sessions that are too large.
BOUNDS: Final = ("validatingadmissionpolicybinding", "botsession-operator-spec-bounds")


@dataclass
class Absence:
    """The sessions, by name, and what was heard and seen while no operator was there."""

    world: World
    #: A namespace with sessions that are too large to be read.
    stored: World
    sessions: dict[str, Session]
    heard: dict[str, str]
    #: The pod of the session that was torn away, after its bot was over.
    torn_pods: list[str]

    def finish(self, name: str) -> tuple[str, str]:
        """Wait for the one finish of a session, of which nothing is left; return its reason and its outcome."""
        finish = self.sessions[name].finishes()
        self.world.nothing_is_left(self.sessions[name])
        return finish["reason"], finish["outcome"]

    def finishes(self, name: str) -> list[str]:
        """Wait until a session is gone, of which nothing is left; return the reason of each finish that it had."""
        self.sessions[name].goes()
        self.world.nothing_is_left(self.sessions[name])
        return [finish["reason"] for finish in self.sessions[name].history.finishes]

    def nothing_is_left_of_kind(self, kind: str) -> None:
        """Wait until the namespace has no object of a kind."""
        wait_until(lambda: listed(self.world, kind) == [], PATIENCE, f"left without {kind}")


@pytest.fixture(scope="module")
def absence(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Absence]:
    world, stored = World(make_namespace("e2e")), World(make_namespace("e2e"))
    folder = tmp_path_factory.mktemp("calls")
    with ExitStack() as calls:
        sessions = _running(world)
        timed, deleted = (
            calls.enter_context(Caller(sessions[name], folder, "hello")) for name in ("timed", "farewell")
        )
        for each in (timed, deleted):
            each.until_event("said")
        sessions["starting"] = _in_the_midst(world, sessions)
        with operators_away():
            _store_too_much(stored)
            torn_pods = _meanwhile(world, sessions)
            heard = {
                "exposed": called(sessions["exposed"]),
                "timed": timed.heard(),
                "farewell": deleted.heard(),
            }
        yield Absence(world, stored, sessions, heard, torn_pods)
    for place in (world, stored):
        place.close()
        kubectl("delete", "namespace", place.namespace, "--wait=false", "--ignore-not-found")


def _running(world: World) -> dict[str, Session]:
    """Have all sessions live that are to live when the operator dies."""
    sessions = {
        "timed": world.session("timed", bot=PARROT, shutdown=GRACEFUL),
        "farewell": world.session("farewell", bot=PARROT, shutdown=LONG_WINDED),
        "ending": world.session("ending", bot={"target": "swallows_end.py"}, shutdown=SLOWLY),
        "over": world.session("over", bot=IN_CALL, eviction="Never", maxSessionDuration="2m"),
        "marked": world.session("marked", bot=IN_CALL, eviction="Never"),
        "torn": world.session("torn", bot=QUIET),
        "deleted": world.session("deleted", bot=QUIET),
        "traceless": world.session("traceless", bot=QUIET, shutdown={"gracePeriod": "3s", "cancelPeriod": "3s"}),
    }
    for session in sessions.values():
        session.eventually(phase="Running")
    for name in ("over", "marked"):
        sessions[name].until(is_protected, what="protected")
    sessions["exposed"] = exposed(world, "exposed", ANSWERS)
    sessions["expires"] = world.session("expires", bot=COMPLETES, ttlAfterFinished="20s")
    sessions["expires"].finishes()
    return sessions


def is_protected(status: Json) -> bool:
    """Return whether the status says that the session's pod has its budget."""
    said = [each for each in status.get("conditions", []) if each["type"] == "Protected"]
    return [(each["status"], each["reason"]) for each in said] == [("True", "Never")]


def _in_the_midst(world: World, sessions: dict[str, Session]) -> Session:
    """Have something begin in some sessions that the operator does not see the end of; return one that starts."""
    world.edit(sessions["ending"], end="Graceful")
    world.delete(sessions["farewell"])
    for name in ("ending", "farewell"):
        sessions[name].eventually(phase="Ending")
    world.time_is_over(sessions["over"], seconds=10)
    world.time_is_over(sessions["timed"], seconds=10)
    starting = world.session("starting", bot=QUIET, maxSessionDuration="3s")
    world.has_a_pod(starting)
    world.delete(sessions["marked"])
    return starting


def _store_too_much(world: World) -> None:
    """Have sessions stored as they were before the chart had a policy on what they may hold."""
    try:
        _bounds("Audit")
        for name, body in BODIES.items():  # admission hears of a change a moment after it is made
            wait_until(partial(_is_created, world, name, body), PATIENCE, f"{name} is stored")
    finally:
        _bounds("Deny")


def _bounds(action: str) -> None:
    patched = kubectl("patch", *BOUNDS, "--type=merge", "-p", json.dumps({"spec": {"validationActions": [action]}}))
    assert patched.returncode == 0, patched.stderr


def _is_created(world: World, name: str, body: str) -> bool:
    return not create_with(world, name, body)


def _meanwhile(world: World, sessions: dict[str, Session]) -> list[str]:
    """Take things away that an operator would have looked after; return the pods that wait for one."""
    world.delete(sessions["deleted"])
    kubectl("patch", "bs", "torn", "-n", world.namespace, *FREED)
    world.delete(sessions["torn"])
    sessions["torn"].goes()
    (pod,) = world.pods(sessions["torn"])
    over = "jsonpath={.status.containerStatuses[0].state.terminated.reason}=Completed"
    waited = kubectl("wait", "pod", pod, "-n", world.namespace, f"--for={over}", f"--timeout={PATIENCE}s")
    assert waited.returncode == 0, waited.stderr
    # An operator that looks in the moment in which the API server has marked the pod, and not yet removed it, knows
    # that it was deleted.
    pod = sessions["traceless"].status["podName"]
    client.CoreV1Api().patch_namespaced_pod(pod, world.namespace, {"metadata": {"finalizers": None}})
    world.delete_pod(sessions["traceless"], grace=0)
    return world.pods(sessions["torn"])


def test_session_ends_with_its_farewell_though_its_operator_is_away(absence: Absence) -> None:
    assert FAREWELL_HEARD in absence.heard["timed"]
    assert absence.finish("timed")[0] == "MaxDuration"


def test_deletion_goes_on_though_the_operator_is_away(absence: Absence) -> None:
    assert FAREWELL_HEARD in absence.heard["farewell"]
    assert absence.finishes("farewell") == ["Deleted"]


def test_operator_is_killed_while_a_session_starts(absence: Absence) -> None:
    assert absence.finish("starting") == ("MaxDuration", "Drained")


def test_operator_is_killed_while_a_session_ends(absence: Absence) -> None:
    assert absence.finish("ending") == ("EndRequested", "Forced")


def test_session_is_called_while_its_operator_is_away(absence: Absence) -> None:
    assert absence.heard["exposed"].startswith("heard")
    assert absence.finish("exposed") == ("Completed", "Drained")
    absence.nothing_is_left_of_kind("services")


def test_nothing_protects_a_session_that_ended_or_was_deleted_while_no_operator_was_there(absence: Absence) -> None:
    assert absence.finish("over")[0] == "MaxDuration"
    assert absence.finishes("marked") == ["Deleted"]
    absence.nothing_is_left_of_kind("poddisruptionbudgets")


def test_finished_session_goes_after_its_ttl_with_a_new_operator_too(absence: Absence) -> None:
    assert absence.finishes("expires") == ["Completed"]


def test_session_that_was_deleted_meanwhile_ends_when_the_operator_is_back(absence: Absence) -> None:
    assert absence.finishes("deleted") == ["Deleted"]


def test_pod_whose_session_was_torn_away_meanwhile_goes(absence: Absence) -> None:
    assert absence.torn_pods
    absence.world.nothing_is_left(absence.sessions["torn"])


def test_session_of_which_nothing_is_left_ends_as_unknown(absence: Absence) -> None:
    assert absence.finish("traceless") == ("Unknown", "Lost")


def test_sessions_stored_before_their_size_was_bounded_stop_nobody_and_can_be_deleted(absence: Absence) -> None:
    world = absence.stored
    after = world.session("after", bot=COMPLETES)
    for name in BODIES:
        wait_until(partial(says_why, world, name), PATIENCE, f"{name} says why")
    assert after.finishes()["reason"] == "Completed"
    edited = kubectl("label", "bs", *BODIES, "-n", world.namespace, "a=b")
    assert edited.returncode == 0, edited.stderr
    assert world.session("beside", bot=COMPLETES).finishes()["reason"] == "Completed"
    deleted = kubectl("delete", "bs", *BODIES, "-n", world.namespace, "--timeout=120s")
    assert deleted.returncode == 0, deleted.stderr


def says_why(world: World, name: str) -> bool:
    """Return whether the status says that the session is too large to be read."""
    path = 'jsonpath={.status.conditions[?(@.type=="PodCreated")].message}'
    return kubectl("get", "bs", name, "-n", world.namespace, "-o", path).stdout == TOO_LARGE_TO_READ
