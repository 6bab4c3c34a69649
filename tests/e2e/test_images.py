"""Images that nobody made for us (tests/images): each runs unchanged, to its own end and to ours.

All of them as a user whom the image does not know, on a root file system that cannot be written, with no capability.
"""

from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.e2e.pod_security import LOCKED_UP
from tests.e2e.world import PATIENCE, ROOT, Json, Session, World, kubectl, wait_until

pytestmark = pytest.mark.cluster
#: uv keeps a cache, and says so where it cannot.
UV_CACHE: Final = {"name": "UV_CACHE_DIR", "value": "/cache"}


@dataclass(frozen=True)
class Shape:
    """An image, and what a session with it says."""

    bot: Json
    #: Folders that must be writable: the image's own needs.
    writes: tuple[str, ...] = ()

    def pod(self) -> Json:
        """Return the template of its pod."""
        mounts = [{"name": f"writable-{number}", "mountPath": path} for number, path in enumerate(self.writes)]
        volumes = [{"name": mount["name"], "emptyDir": {}} for mount in mounts]
        bot = {"name": "bot", "securityContext": LOCKED_UP, "volumeMounts": mounts}
        return {"spec": {"volumes": volumes, "containers": [bot]}}


SHAPES: Final = {
    "cloud": Shape({"target": "bot.py"}),
    "system": Shape({"target": "bot.py"}),
    "tini": Shape({"target": "bot.py"}),
    "uv_run": Shape({"command": ["uv", "run", "bot.py"], "env": [UV_CACHE]}, writes=("/cache",)),
    "entrypoint": Shape({"command": ["/srv/entrypoint.sh", "python3", "-m", "support"]}),
    "script": Shape({"command": ["/opt/venv/bin/python", "talk.py"]}),
}
SERVER: Final = ["python3", "bot.py", "--host", "0.0.0.0"]
#: Calls Pipecat's development server, in whose pod it runs, and stays until the other side hangs up.
CALL: Final = """
import asyncio, aiohttp

async def main():
    async with aiohttp.ClientSession() as http, asyncio.timeout(60):
        while True:
            try:
                async with http.ws_connect("ws://127.0.0.1:7860/ws-client") as call:
                    print("answered", flush=True)
                    return [message async for message in call]
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.1)

asyncio.run(main())
"""


def session(world: World, name: str, image: str, shape: Shape, call_seconds: int, **spec: Any) -> Session:
    """Apply a session whose conversation takes so long."""
    env = [*shape.bot.get("env", ()), {"name": "CALL_SECONDS", "value": str(call_seconds)}]
    bot = {"image": f"botsession/shape-{image}:dev", **shape.bot, "env": env}
    return world.session(name, bot=bot, podTemplate=shape.pod(), **spec)


def facts(finish: Json) -> tuple[str, str]:
    """Return why and how."""
    return finish["reason"], finish["outcome"]


def test_every_image_has_a_session_here() -> None:
    assert set(SHAPES) == {path.parent.name for path in (ROOT / "tests/images").glob("*/Dockerfile")}


@pytest.mark.parametrize("image", SHAPES)
def test_image_runs_unchanged_to_both_ends(world: World, image: str) -> None:
    shape, name = SHAPES[image], image.replace("_", "-")
    own = session(world, f"{name}-own", image, shape, call_seconds=1)
    limited = session(world, f"{name}-limit", image, shape, call_seconds=600, maxSessionDuration="2s")
    assert (*facts(own.finishes()), own.finish["message"]) == ("Completed", "Drained", "all said")
    assert (*facts(limited.finishes()), limited.finish.get("message")) == ("MaxDuration", "Drained", None)


@pytest.mark.parametrize(
    ("call_seconds", "limit", "expected"),
    [
        pytest.param(1, "30m", ("Completed", "Drained"), id="the bot ends the call"),
        pytest.param(600, "2s", ("MaxDuration", "Drained"), id="the call has lasted long enough"),
    ],
)
def test_development_server_goes_with_its_call(
    world: World, call_seconds: int, limit: str, expected: tuple[str, str]
) -> None:
    served = session(world, "server", "system", Shape({"command": SERVER}), call_seconds, maxSessionDuration=limit)
    served.until(lambda status: status.get("phase") == "Starting", what="starting")
    call(world, served)
    assert facts(served.finishes()) == expected
    assert served.status["phase"] == "Succeeded"


def call(world: World, served: Session) -> None:
    """Call a session's development server, from inside its pod."""
    (pod,) = world.pods(served)

    def is_answered() -> bool:
        # How the caller itself ends is nobody's concern: where its container goes with the call, it is killed.
        called = kubectl("exec", "-i", "-n", served.namespace, pod, "--", "python3", "-", stdin=CALL)
        return "answered" in called.stdout

    wait_until(is_answered, PATIENCE, "answered")


def test_image_without_pipecat_says_where_it_was_looked_for(world: World) -> None:
    bot = {"image": "botsession/prometheus:dev", "target": "bot.py"}
    finish = world.session("no-pipecat", bot=bot).finishes()
    assert facts(finish) == ("BotError", "NeverStarted")
    assert "has no pipecat; none with pipecat-ai was found by $VIRTUAL_ENV" in finish["message"]


def test_image_without_python_says_so(world: World) -> None:
    finish = world.session("no-python", bot={"image": "botsession/runtime:dev", "target": "bot.py"}).finishes()
    assert facts(finish) == ("PodRejected", "NeverStarted")
    assert '"python3": executable file not found' in finish["message"]
