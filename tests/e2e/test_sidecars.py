"""A session is over when its bot is, whatever else runs in its pod."""

import json

import pytest

from tests.e2e.world import PATIENCE, Json, Session, World, kubectl, wait_until

pytestmark = pytest.mark.cluster

QUIET = {"target": "quiet.py"}
#: A stubborn sidecar takes all of its pod's grace, which follows from this; the bot needs next to nothing of it.
QUICK = {"gracePeriod": "15s", "cancelPeriod": "3s"}
#: The ladder, and so the pod's own grace, is longer than any wait here.
PATIENT = {"gracePeriod": "5m", "cancelPeriod": "3s"}
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause(); signal.pause()"
OBEDIENT = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); signal.pause()"


def sidecar(program: str, **fields: object) -> Json:
    """Return a container that runs until it is told to leave, or does not even do that."""
    return {"name": "side", "image": "botsession/testbot:dev", "command": ["python3", "-c", program], **fields}


def beside(*containers: Json) -> Json:
    """Return a pod template with ordinary sidecars."""
    return {"spec": {"containers": list(containers)}}


def ends_as_asked(world: World, session: Session) -> None:
    session.eventually(phase="Running")
    world.edit(session, end="Graceful")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == ("EndRequested", "Drained", "Runtime")


@pytest.mark.parametrize("program", [OBEDIENT, STUBBORN], ids=["obedient", "stubborn"])
def test_a_pod_with_a_sidecar_goes_soon_after_its_bot(world: World, program: str) -> None:
    session = world.session("beside", bot=QUIET, podTemplate=beside(sidecar(program)), shutdown=PATIENT)
    ends_as_asked(world, session)
    world.nothing_is_left(session)


def test_a_native_sidecar_ends_with_the_bot(world: World) -> None:
    native = sidecar(STUBBORN, restartPolicy="Always")
    session = world.session("native", bot=QUIET, podTemplate={"spec": {"initContainers": [native]}}, shutdown=QUICK)
    ends_as_asked(world, session)
    world.nothing_is_left(session)


def test_a_sidecar_that_dies_costs_no_conversation(world: World) -> None:
    session = world.session("dies", bot=QUIET, podTemplate=beside(sidecar("raise SystemExit(1)")))
    ends_as_asked(world, session)
    assert session.status["phase"] == "Succeeded"
    world.nothing_is_left(session)


def test_the_sidecars_of_a_kept_pod_end_too(world: World) -> None:
    kept = {"podRetention": "Always", "shutdown": QUICK}
    session = world.session("kept", bot=QUIET, podTemplate=beside(sidecar(STUBBORN)), **kept)
    ends_as_asked(world, session)

    def is_over() -> bool:
        (pod,) = pods(world, session)
        return all("terminated" in each["state"] for each in pod["status"]["containerStatuses"])

    wait_until(is_over, PATIENCE, "over")
    (pod,) = pods(world, session)
    assert "deletionTimestamp" not in pod["metadata"]
    assert "session finished: EndRequested" in kubectl("logs", "-n", world.namespace, name(pod), "-c", "bot").stdout
    world.delete(session)
    session.goes()
    world.nothing_is_left(session)


def test_a_pod_with_a_stubborn_sidecar_reports_when_it_is_deleted(world: World) -> None:
    session = world.session("evicted", bot=QUIET, podTemplate=beside(sidecar(STUBBORN)), shutdown=QUICK)
    session.eventually(phase="Running")
    world.delete_pod(session)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == ("Evicted", "Drained", "Runtime")
    world.nothing_is_left(session)


def pods(world: World, session: Session) -> list[Json]:
    """List the session's pods as the API server has them."""
    selector = f"botsession.dev/session={session.name}"
    found = kubectl("get", "pods", "-n", world.namespace, "-l", selector, "-o", "json")
    items: list[Json] = json.loads(found.stdout)["items"]
    return items


def name(pod: Json) -> str:
    """Return a pod's name."""
    return str(pod["metadata"]["name"])
