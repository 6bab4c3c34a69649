"""Calling a session as another pod of its namespace does, and looking at what leads there."""

import json
from typing import Any

from tests.e2e.world import PATIENCE, Json, Session, World, kubectl


def exposed(world: World, name: str, bot: Json, **spec: Any) -> Session:
    """Apply a session, and wait until its bot waits for a caller."""
    session = world.session(name, bot=bot, expose={}, **spec)
    return session.until(waits_for_its_caller, what="waiting for its caller")


def waits_for_its_caller(status: Json) -> bool:
    """Return whether the status says that somebody may call."""
    reasons = [each["reason"] for each in status.get("conditions", []) if each["type"] == "Started"]
    return reasons == ["WaitingForCaller"]


def call(session: Session, url: str, name: str = "caller") -> None:
    """Call from a pod."""
    image = ("--image=botsession/testbot:dev", "--restart=Never", "--image-pull-policy=Never")
    place = ("-n", session.namespace)
    made = kubectl("run", name, *place, *image, "--command", "--", "/venv/bin/python", "calls.py", url)
    assert made.returncode == 0, made.stderr


def called(session: Session, url: str = "", name: str = "caller") -> str:
    """Call, at the address in the status if nothing else is said; give what the caller has to say afterwards."""
    call(session, url or session.status["url"], name)
    place, over = ("-n", session.namespace), "--for=jsonpath={.status.phase}=Succeeded"
    waited = kubectl("wait", f"pod/{name}", *place, over, f"--timeout={PATIENCE}s")
    said = kubectl("logs", name, *place).stdout
    assert waited.returncode == 0, f"{waited.stderr}\n{said}"
    return said.splitlines()[-1]


def listed(world: World, kind: str) -> list[Json]:
    """List the objects of a kind in the test's namespace."""
    found: list[Json] = json.loads(kubectl("get", kind, "-n", world.namespace, "-o", "json").stdout)["items"]
    return found
