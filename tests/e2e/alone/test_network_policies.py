"""The chart's NetworkPolicies, enforced: who gets through to the operator and to the bots, and who does not."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

import pytest

from botsession_contract.names import SESSION_LABEL
from tests.e2e.calls import exposed
from tests.e2e.many_settings import have_operator_with_many_settings
from tests.e2e.operators import operator_pod
from tests.e2e.policy_engine import enforced
from tests.e2e.world import (
    PATIENCE,
    SYSTEM_NAMESPACE,
    Session,
    World,
    kubectl,
    make_namespace,
    wait_until,
)

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(900)]

Result = TypeVar("Result")
OPERATOR: Final = f"botsession-operator.{SYSTEM_NAMESPACE}.svc"
LISTENS: Final = {"target": "answers.py", "transport": {"type": "websocket"}}
#: Long enough for a lost packet to be sent again; a policy drops each.
PATIENT_SECONDS: Final = 4
CONNECT: Final = f"""
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), {PATIENT_SECONDS}).close()
except OSError as error:
    sys.exit(repr(error))
"""


class Prober:
    """A pod that tries to connect."""

    def __init__(self, namespace: str, name: str, *labels: str) -> None:
        self._where = ("-n", namespace)
        self._name = name
        image = ("--image=botsession/testbot:dev", "--restart=Never", "--image-pull-policy=Never")
        stays = ("--command", "--", "/venv/bin/python", "-c", "import signal; signal.pause()")
        made = kubectl("run", name, *self._where, *image, *(f"--labels={each}" for each in labels), *stays)
        assert made.returncode == 0, made.stderr
        ready = kubectl("wait", f"pod/{name}", *self._where, "--for=condition=Ready", f"--timeout={PATIENCE}s")
        assert ready.returncode == 0, ready.stderr

    def reaches(self, host: str, port: int) -> bool:
        """Return whether a connection gets through."""
        command = ("/venv/bin/python", "-c", CONNECT, host, str(port))
        return kubectl("exec", self._name, *self._where, "--", *command).returncode == 0


def at_once(*calls: Callable[[], Result]) -> list[Result]:
    """Return what each of these returns; who waits for an answer that never comes does not keep the others waiting."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result() for each in [threads.submit(call) for call in calls]]


@pytest.fixture
def fenced(fenced_world: World) -> Iterator[World]:
    """Have the chart's policies in the test's namespace too, and something that enforces them."""
    have_operator_with_many_settings(fenced_world.namespace)
    with enforced():
        yield fenced_world


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Return a namespace of somebody else's."""
    namespace = make_namespace("elsewhere")
    yield namespace
    kubectl("delete", "namespace", namespace, "--wait=false")


def address(session: Session) -> str:
    return str(session.status["podIP"])


def test_only_the_operator_reaches_the_control_port_and_only_sessions_poke(fenced: World, elsewhere: str) -> None:
    stranger, neighbour, poker = probers = at_once(
        partial(Prober, elsewhere, "stranger"),
        partial(Prober, fenced.namespace, "neighbour"),
        partial(Prober, elsewhere, "poker", f"{SESSION_LABEL}=somebody"),
    )
    quiet = fenced.session("quiet", bot={"target": "quiet.py"})
    session = exposed(fenced, "called", LISTENS)
    wait_until(lambda: not stranger.reaches(OPERATOR, 8475), PATIENCE, "fenced off from a stranger")

    reached = at_once(
        *(partial(each.reaches, OPERATOR, 8475) for each in (poker, neighbour)),
        *(partial(each.reaches, address(session), 8474) for each in probers),
        *(partial(each.reaches, address(session), 7860) for each in probers),
    )
    assert (reached[:2], reached[2:5], reached[5:]) == ([True, False], [False] * 3, [True] * 3)

    quiet.eventually(phase="Running")
    for each in (session, quiet):
        fenced.edit(each, end="Graceful")
        assert each.finishes()["reportedBy"] in ("Runtime", "Operator")
    assert quiet.finish["outcome"] == "Drained"
    ready = kubectl("get", "pod", operator_pod(), "-n", SYSTEM_NAMESPACE, "-o", "jsonpath={.status.conditions}")
    assert {"Ready": "True"}.items() <= {each["type"]: each["status"] for each in json.loads(ready.stdout)}.items()
