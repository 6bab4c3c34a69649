"""Each example bot on the cluster, from its own manifest: called, and what was recorded of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
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
MODEL = ["python3", "-c", (ROOT / "tests/openai_server.py").read_text(), "--port", "8080"]

Prepare = Callable[[World, Json], None]


def nothing(_world: World, _spec: Json) -> None:
    """Most examples need nothing but their manifest."""


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


@dataclass(frozen=True, slots=True)
class Example:
    """A manifest, what the caller does, and what is to come of it."""

    manifest: str
    finish: Json
    say: tuple[str, ...] = ()
    #: The end of what the caller understands; absent where he hangs up as soon as he has spoken.
    heard: str | None = None
    status: Json = field(default_factory=dict)
    prepare: Prepare = nothing
    #: Seconds that are left when the caller has come, in place of those that the manifest counts from the bot's start.
    left: int = 0


def end(reason: str, outcome: str, **more: str) -> Json:
    return {"reason": reason, "outcome": outcome, **more}


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(
            Example(
                manifest="tool_call/session.yaml",
                prepare=a_model,
                say=("hello", "goodbye"),
                heard="you said hello goodbye",
                finish=end("Completed", "Drained", message=REASON),
            ),
            id="the model ends it",
        ),
        pytest.param(
            Example(
                manifest="hang_up/session.yaml",
                say=("hello",),
                finish=end("ClientDisconnected", "Cancelled", frame="CancelFrame"),
            ),
            id="the caller hangs up",
        ),
        pytest.param(
            Example(
                manifest="idle_prompt/session.yaml",
                heard="are you still there goodbye",
                finish=end("IdleTimeout", "Drained"),
            ),
            id="the caller goes quiet",
        ),
        pytest.param(
            Example(
                manifest="time_limit/session.yaml",
                heard="our time is nearly over we have reached our time limit goodbye",
                finish=end("MaxDuration", "Drained"),
                left=25,
            ),
            id="the time is over",
        ),
        pytest.param(
            Example(
                manifest="leak/session.yaml",
                say=("goodbye",),
                heard="goodbye",
                finish=end("Completed", "Drained"),
                status={
                    "danglingTasks": {
                        "count": 2,
                        "names": ["LeakyOrders#0::poll_orders", "keep_connection_alive"],
                        "unmanaged": 1,
                    }
                },
            ),
            id="the bot leaks",
        ),
    ],
)
def test_example_ends_as_its_page_says(example: Example, world: World, tmp_path: Path) -> None:
    session = start(world, example.manifest, example.prepare, **({"maxSessionDuration": "10m"} if example.left else {}))
    with Caller(session, tmp_path, *example.say) as caller:
        if example.left:
            world.time_is_over(session, example.left)
        if example.heard is None:
            caller.until_event("said")
        else:
            assert caller.heard().endswith(example.heard)
    finish = session.finishes()
    assert finish == finish | example.finish
    assert session.status == session.status | example.status
    assert session.status["phase"] == "Succeeded"


def start(world: World, manifest: str, prepare: Prepare, **instead: str) -> Session:
    """Apply an example's manifest, with what it needs around it."""
    document: Json = yaml.safe_load((EXAMPLES / manifest).read_text())
    prepare(world, document["spec"])
    return world.session(document["metadata"]["name"], **{**document["spec"], **instead}).eventually(phase="Running")


def test_transcript_is_kept_by_a_store_outside_the_pod(world: World, tmp_path: Path) -> None:
    session = start(world, "transcript/session.yaml", a_store)
    with Caller(session, tmp_path, "hello") as caller:
        caller.until_event("said")
    assert session.finishes()["reason"] == "ClientDisconnected"

    def kept() -> list[str]:
        return kubectl("logs", "store", "-n", world.namespace).stdout.splitlines()

    wait_until(lambda: bool(kept()), PATIENCE, "kept")
    assert kept() == ["kept transcript.json"]
