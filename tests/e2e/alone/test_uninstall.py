"""`helm uninstall` with live sessions: they end as they should, and nothing waits for an operator that is gone."""

import json
import subprocess

import pytest

from tests.e2e.operators import OPERATOR_PODS, stop_operators
from tests.e2e.receiver import receiver
from tests.e2e.release import install_operator, uninstall_operator
from tests.e2e.world import FORCED, PATIENCE, SYSTEM_NAMESPACE, Json, Session, World, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TALKING = {"target": "talks.py", "body": {"frames": ["UserSpeakingFrame", "BotSpeakingFrame"], "times": 10_000}}
SWALLOWING = {"target": "swallows_end.py"}
WHY = "the operator was being uninstalled"


def test_live_sessions_end_before_the_operator_goes(world: World) -> None:
    done = world.session("done", bot={"target": "completes.py"}, podRetention="Always")
    done.finishes()
    talking = world.session("talking", bot=TALKING).eventually(phase="Running")
    stuck = world.session("stuck", bot=SWALLOWING, shutdown=FORCED).eventually(phase="Running")
    waiting = world.session("waiting", bot=TALKING | {"resources": {"requests": {"memory": "4Ti"}}}, startTimeout="5m")
    waiting.until(lambda status: "podName" in status)
    assert done.finish["reason"] == "Completed"

    uninstalls(uninstall_operator())

    assert facts(talking) == ("EndRequested", "Drained", WHY)
    assert facts(stuck) == ("EndRequested", "Forced", WHY)
    assert facts(waiting) == ("EndRequested", "NeverStarted", WHY)
    assert done.finishes()["reason"] == "Completed"
    assert names(world, "pods") == [done.status["podName"]]
    assert [held for item in items(world, "botsessions") for held in item["metadata"].get("finalizers", [])] == []
    assert kubectl("get", "crd", "botsessions.botsession.dev").returncode == 0
    assert kubectl("delete", "bs", "talking", "-n", world.namespace, "--timeout=60s").returncode == 0

    versions = len(stuck.history.versions)
    install_operator()
    world.session("next", bot={"target": "completes.py"}).finishes()
    assert len(stuck.history.versions) == versions
    assert stuck.finishes()["outcome"] == "Forced"


def test_an_uninstallation_that_is_interrupted_is_begun_anew(world: World) -> None:
    """The operator is dead, what takes its place is killed, then helm, at the worst moment of each: midway."""
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


@pytest.mark.installs_operator
def test_each_end_is_delivered_before_the_operator_goes(world: World) -> None:
    with receiver() as hook:
        session = world.session("told", bot=TALKING).eventually(phase="Running")
        hook.has(session, "started", tries=1)
        hook.fails_first(2)

        uninstalls(uninstall_operator())

        assert facts(session) == ("EndRequested", "Drained", WHY)
        session.eventually(webhook={"started": "Delivered", "finished": "Delivered"})
        *_, last = (each for each in hook.messages(session) if each["id"].endswith("finished"))
        assert (last["answer"], last["event"]["data"]["reason"]) == (204, "EndRequested")


@pytest.mark.installs_operator
def test_what_a_dead_receiver_has_not_heard_is_told_by_the_next_operator(world: World) -> None:
    # It is given up after a minute of silence; here, where that is not measured, after less.
    with receiver("--set=uninstall.timeoutSeconds=30") as hook:
        kept = world.session("kept", bot=TALKING).eventually(phase="Running")
        deleted = world.session("deleted", bot=TALKING).eventually(phase="Running")
        kept.eventually(webhook={"started": "Delivered"})
        deleted.eventually(webhook={"started": "Delivered"})
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
