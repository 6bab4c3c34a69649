"""`helm uninstall` with live sessions: they end as they should, and nothing waits for an operator that is gone."""

import json
import subprocess

import pytest

from tests.e2e.operators import OPERATOR_PODS, stop_operators
from tests.e2e.receiver import Receiver
from tests.e2e.release import uninstall_operator
from tests.e2e.world import (
    FORCED,
    PATIENCE,
    SYSTEM_NAMESPACE,
    Json,
    Session,
    World,
    kubectl,
    wait_until,
)

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(600)]

TALKING = {"target": "talks.py", "body": {"frames": ["UserSpeakingFrame", "BotSpeakingFrame"], "times": 10_000}}
SWALLOWING = {"target": "swallows_end.py"}
WHY = "the operator was being uninstalled"
#: A receiver that does not answer is given up after a minute; here, where that is not measured, after less.
IMPATIENT = "--set=uninstall.timeoutSeconds=30"


def test_live_sessions_end_and_each_end_is_delivered_before_the_operator_goes(world: World, hook: Receiver) -> None:
    hook.is_told()
    done = world.session("done", bot={"target": "completes.py"}, podRetention="Always")
    talking = world.session("talking", bot=TALKING)
    stuck = world.session("stuck", bot=SWALLOWING, shutdown=FORCED)
    waiting = world.session("waiting", bot=TALKING | {"resources": {"requests": {"memory": "4Ti"}}}, startTimeout="5m")
    for session in (talking, stuck):
        session.eventually(phase="Running")
    waiting.until(lambda status: "podName" in status)
    assert done.finishes()["reason"] == "Completed"
    done.eventually(webhook={"started": "Delivered", "finished": "Delivered"})
    hook.has(talking, "started", tries=1)
    hook.fails_first(2)

    uninstalls(uninstall_operator())

    assert facts(talking) == ("EndRequested", "Drained", WHY)
    assert facts(stuck) == ("EndRequested", "Forced", WHY)
    assert facts(waiting) == ("EndRequested", "NeverStarted", WHY)
    assert done.finishes()["reason"] == "Completed"
    for session in (talking, stuck, waiting):
        session.until(lambda status: status.get("webhook", {}).get("finished") == "Delivered", what="delivered")
    *_, last = (each for each in hook.messages(talking) if each["id"].endswith("finished"))
    assert (last["answer"], last["event"]["data"]["reason"]) == (204, "EndRequested")
    assert names(world, "pods") == [done.status["podName"]]
    assert [held for item in items(world, "botsessions") for held in item["metadata"].get("finalizers", [])] == []
    assert kubectl("get", "crd", "botsessions.botsession.dev").returncode == 0
    assert kubectl("delete", "bs", "talking", "-n", world.namespace, "--timeout=60s").returncode == 0

    versions = len(stuck.history.versions)
    hook.is_told(IMPATIENT)  # as the next test needs it
    world.session("next", bot={"target": "completes.py"}).finishes()
    assert len(stuck.history.versions) == versions
    assert stuck.finishes()["outcome"] == "Forced"


def test_what_a_dead_receiver_has_not_heard_is_told_by_the_next_operator(world: World, hook: Receiver) -> None:
    hook.is_told(IMPATIENT)
    kept, deleted = (world.session(name, bot=TALKING) for name in ("kept", "deleted"))
    for session in (kept, deleted):
        session.eventually(webhook={"started": "Delivered"})
    hook.cannot_be_reached()
    world.delete(deleted)

    uninstalls(uninstall_operator())

    assert facts(kept) == ("EndRequested", "Drained", WHY)
    assert kept.status["webhook"] == {"started": "Delivered", "finished": "Pending"}
    deleted.goes()
    assert names(world, "pods") == []

    hook.can_be_reached()
    hook.is_told()
    kept.eventually(webhook={"started": "Delivered", "finished": "Delivered"})


def test_an_uninstallation_that_is_interrupted_is_begun_anew(world: World, hook: Receiver) -> None:
    """The operator is dead, what takes its place is killed, then helm, at the worst moment of each: midway."""
    hook.is_told()
    slow = {"gracePeriod": "15s", "cancelPeriod": "1m"}
    stuck = world.session("stuck", bot=SWALLOWING, shutdown=slow).eventually(phase="Running")
    stop_operators()

    helm = uninstall_operator()
    stuck.eventually(phase="Ending")
    kubectl("delete", "pods", *OPERATOR_PODS, "--force", "--grace-period=0")
    helm.kill()
    helm.communicate()

    uninstalls(uninstall_operator())

    assert facts(stuck) == ("EndRequested", "Forced", WHY)
    assert names(world, "pods") == []
    assert kubectl("delete", "bs", "--all", "-n", world.namespace, "--timeout=60s").returncode == 0


def uninstalls(helm: "subprocess.Popen[str]") -> None:
    """Wait until the release is gone; what the operator said is shown where it is not."""
    said, _ = helm.communicate(timeout=330)
    assert helm.returncode == 0, (
        f"{said}\n{kubectl('logs', '-n', SYSTEM_NAMESPACE, 'job/botsession-operator-uninstall').stdout}"
    )
    kinds = "deployments,jobs,pods,secrets,serviceaccounts,roles"

    def is_gone() -> bool:
        return "botsession" not in kubectl("get", kinds, "-n", SYSTEM_NAMESPACE, "-o", "name").stdout

    # The pod of a Job that helm has deleted goes when Kubernetes' garbage collector comes to it.
    wait_until(is_gone, PATIENCE, "rid of all that the release had")


def facts(session: Session) -> tuple[str, str, str]:
    """Return why and how it finished, once, and who wanted it."""
    finish = session.finishes()
    return finish["reason"], finish["outcome"], session.status["ending"]["message"]


def items(world: World, kind: str) -> list[Json]:
    """List what the namespace has of a kind."""
    found: list[Json] = json.loads(kubectl("get", kind, "-n", world.namespace, "-o", "json").stdout)["items"]
    return found


def names(world: World, kind: str) -> list[str]:
    """List the names of what the namespace has of a kind."""
    return [str(item["metadata"]["name"]) for item in items(world, kind)]
