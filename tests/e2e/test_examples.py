"""Each example bot on the cluster, from its own manifest.

What it says to its caller, and what is recorded of it, is in tests/component/test_examples.py. Here are those called
that need something else of the cluster.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.e2e.caller import Caller
from tests.e2e.world import PATIENCE, ROOT, Json, Session, World, kubectl, wait_until
from tests.openai_server import REASON

pytestmark = pytest.mark.cluster

IMAGE = "botsession/examples:dev"
EXAMPLES = ROOT / "examples"
STORE = ["python3", "/app/transcript/store.py", "--port", "9000"]
#: What needs something else than its manifest is below; the parrot is in test_main_job.py.
THE_OTHERS = ("hang_up", "idle_prompt", "leak", "time_limit")
MODEL = ["python3", "-c", (ROOT / "tests/openai_server.py").read_text(), "--port", "8080"]


def a_model(world: World, spec: Json) -> None:
    """Have the Secret, and a model to talk to."""
    secret(world, "openai", "api-key", "none")
    url = f"http://{serve(world, 'model', 8080, MODEL)}:8080/v1"
    spec["bot"]["env"].append({"name": "OPENAI_BASE_URL", "value": url})


def a_store(world: World, _spec: Json) -> None:
    """Have a place for transcripts, and the Secret that says where it is."""
    secret(world, "transcripts", "url", f"http://{serve(world, 'store', 9000, STORE)}:9000")


def secret(world: World, name: str, key: str, value: str) -> None:
    made = kubectl("create", "secret", "generic", name, "-n", world.namespace, f"--from-literal={key}={value}")
    assert made.returncode == 0, made.stderr


def serve(world: World, name: str, port: int, command: list[str]) -> str:
    """Run a server in a pod of its own; give its address when it listens."""
    probe = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    container = {"name": "server", "image": IMAGE, "command": command, "readinessProbe": probe}
    spec = {"containers": [container], "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    applied = kubectl("apply", "-n", world.namespace, "-f", "-", stdin=json.dumps(pod))
    assert applied.returncode == 0, applied.stderr
    ready = kubectl("wait", "pod", name, "-n", world.namespace, "--for=condition=Ready", f"--timeout={PATIENCE}s")
    assert ready.returncode == 0, kubectl("describe", "pod", name, "-n", world.namespace).stdout
    return kubectl("get", "pod", name, "-n", world.namespace, "-o", "jsonpath={.status.podIP}").stdout


def nothing(_world: World, _spec: Json) -> None:
    """Most examples need nothing but their manifest."""


def apply(world: World, name: str, prepare: Callable[[World, Json], None] = nothing) -> Session:
    """Apply an example's manifest, with what it needs around it."""
    document: Json = yaml.safe_load((EXAMPLES / name / "session.yaml").read_text())
    prepare(world, document["spec"])
    return world.session(document["metadata"]["name"], **document["spec"])


def test_each_example_is_here() -> None:
    found = {path.parent.name for path in EXAMPLES.glob("*/session.yaml")}
    assert found == {*THE_OTHERS, "parrot", "tool_call", "transcript"}


def test_examples_run_as_their_manifests_say(world: World) -> None:
    sessions = [apply(world, name) for name in THE_OTHERS]
    for session in sessions:
        session.eventually(phase="Running")
        world.edit(session, end="Immediate")
    assert {session.finishes()["reason"] for session in sessions} == {"EndRequested"}


def test_model_ends_the_call_with_a_goodbye(world: World, tmp_path: Path) -> None:
    session = apply(world, "tool_call", a_model).eventually(phase="Running")
    with Caller(session, tmp_path, "hello", "goodbye") as caller:
        assert caller.heard().endswith("you said hello goodbye")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == ("Completed", "Drained", REASON)
    assert session.status["phase"] == "Succeeded"


def test_transcript_is_kept_by_a_store_outside_the_pod(world: World, tmp_path: Path) -> None:
    session = apply(world, "transcript", a_store).eventually(phase="Running")
    with Caller(session, tmp_path, "hello") as caller:
        caller.until_event("said")
    assert session.finishes()["reason"] == "ClientDisconnected"

    def kept() -> list[str]:
        return kubectl("logs", "store", "-n", world.namespace).stdout.splitlines()

    wait_until(lambda: bool(kept()), PATIENCE, "kept")
    assert kept() == ["kept transcript.json"]
