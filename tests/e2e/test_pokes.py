"""What a pod of another namespace sends to the operator's endpoint changes nothing for the sessions that are there."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from botsession_contract.names import REPORT_FINALIZER
from tests.e2e.operators import operator_log, operator_pod, restarts
from tests.e2e.world import PATIENCE, SYSTEM_NAMESPACE, Json, Session, World, kubectl, make_namespace, pod_proxy
from tests.pokes import attacks

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TALKING: Final = {"target": "talks.py", "body": {"frames": ["UserSpeakingFrame", "BotSpeakingFrame"], "times": 10_000}}
ENDPOINT: Final = f"botsession-operator.{SYSTEM_NAMESPACE}.svc"
#: The policy on the operator's port lets pods of sessions in, by a label that is no secret: the attacker bears it.
LABEL: Final = "--labels=botsession.dev/session=attacker"
#: Sends each path as it stands, and prints how often which answer came.
ATTACK: Final = """
import collections, http.client, json, sys
host, paths, times = json.loads(sys.argv[1])
answers = collections.Counter()
for _ in range(times):
    for path in paths:
        connection = http.client.HTTPConnection(host, 8475, timeout=30)
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        answers[connection.getresponse().status] += 1
        connection.close()
print(json.dumps(answers))
"""
#: Opens connections that never become a request, and prints how many the operator closes.
HALF_OPEN: Final = """
import json, socket, sys
host, number = json.loads(sys.argv[1])
opened = [socket.create_connection((host, 8475), timeout=120) for _ in range(number)]
closed = 0
for each in opened:
    try:
        each.sendall(b"GET /livez HTTP/1.1\\r\\nHost: x\\r\\n")
        closed += each.recv(1) == b""
    except ConnectionError:
        closed += 1
print(json.dumps(closed))
"""


@pytest.fixture
def elsewhere(kubeconfig: object) -> Iterator[str]:
    """Return a namespace of somebody else's."""
    namespace = make_namespace("attacker")
    yield namespace
    kubectl("delete", "namespace", namespace, "--wait=false")


def run(namespace: str, name: str, program: str, argument: object) -> object:
    """Run a Python program in a pod; give what it prints."""
    image = ("--image=botsession/testbot:dev", "--restart=Never", "--image-pull-policy=Never", LABEL)
    command = ("--command", "--", "/venv/bin/python", "-c", program, json.dumps(argument))
    made = kubectl("run", name, "-n", namespace, *image, *command)
    assert made.returncode == 0, made.stderr
    over = "--for=jsonpath={.status.phase}=Succeeded"
    waited = kubectl("wait", f"pod/{name}", "-n", namespace, over, f"--timeout={PATIENCE}s")
    said = kubectl("logs", name, "-n", namespace).stdout
    assert waited.returncode == 0, f"{waited.stderr}\n{said}"
    return json.loads(said.splitlines()[-1])


def pod_of(session: Session) -> Json:
    found = kubectl("get", "pod", session.status["podName"], "-n", session.namespace, "-o", "json")
    pod: Json = json.loads(found.stdout)["metadata"]
    return pod


def was_looked_at(world: World, session: Session) -> None:
    """Have the operator give the session a pass, after all that came before: it answers an edit in the status."""
    generation = session.history.last["metadata"]["generation"]
    world.edit(session, maxSessionDuration="29m")
    session.until(lambda status: status.get("observedGeneration", 0) > generation, what="looked at")


def test_a_stranger_neither_ends_a_call_nor_takes_its_report_away(world: World, elsewhere: str) -> None:
    session = world.session("call-1", bot=TALKING).eventually(phase="Running")
    before, operator = pod_of(session), operator_pod()
    said = len(operator_log(operator))

    answers = run(elsewhere, "attack", ATTACK, (ENDPOINT, attacks(session.namespace, session.name), 3))
    was_looked_at(world, session)

    assert isinstance(answers, dict)
    assert set(answers) <= {"202", "400", "404"}
    after = pod_of(session)
    assert REPORT_FINALIZER in after["finalizers"]
    assert (after["uid"], "deletionTimestamp" in after) == (before["uid"], False)
    assert session.history.finishes == []
    events = {line["event"] for line in operator_log(operator)[said:] if world.namespace in json.dumps(line)}
    assert events.isdisjoint({"orphaned pod released", "pod deleted", "API server refused", "pass failed"})
    world.edit(session, end="Immediate")
    assert session.finishes()["reason"] == "EndRequested"


def test_a_flood_of_pokes_does_not_keep_a_session_from_its_start_and_its_end(world: World, elsewhere: str) -> None:
    session = world.session("first", bot=TALKING).eventually(phase="Running")
    paths = [f"/v1/poke/{elsewhere}/made-up-{number}" for number in range(300)]
    paths += [f"/v1/poke/{session.namespace}/{session.name}", f"/v1/poke/{elsewhere}/{'x' * 65}"] * 100

    run(elsewhere, "flood", ATTACK, (ENDPOINT, paths, 4))

    second = world.session("second", bot={"target": "completes.py"})
    assert second.finishes()["reason"] == "Completed"
    world.edit(session, end="Immediate")
    assert session.finishes()["reason"] == "EndRequested"


def test_half_open_requests_are_closed_and_probes_are_answered_meanwhile(world: World, elsewhere: str) -> None:
    operator = operator_pod()
    before = restarts(operator)

    assert run(elsewhere, "half-open", HALF_OPEN, (ENDPOINT, 800)) == 800

    assert pod_proxy(SYSTEM_NAMESPACE, operator, 8475, "livez") == "ok\n"
    assert restarts(operator) == before
