"""Sessions that are called: through their Service, by a caller in a pod of its own."""

import json
import re
from typing import Any, Final

import pytest

from tests.e2e.world import Json, Session, World, kill_operator, kubectl

pytestmark = pytest.mark.cluster

#: A bot that hangs up when it has heard its caller for a moment.
ANSWERS: Final = {"target": "answers.py", "transport": {"type": "websocket"}, "body": {"hangs_up": 0.5}}
LISTENS: Final = {**ANSWERS, "body": {}}


def exposed(world: World, name: str, bot: Json, **spec: Any) -> Session:
    """Apply a session, and wait until its bot waits for a caller."""
    session = world.session(name, bot=bot, expose={}, **spec)
    return session.until(waits_for_its_caller, within=90, what="waiting for its caller")


def waits_for_its_caller(status: Json) -> bool:
    """Tell whether the status says that somebody may call."""
    reasons = [each["reason"] for each in status.get("conditions", []) if each["type"] == "Started"]
    return reasons == ["WaitingForCaller"]


def called(session: Session, name: str = "caller") -> str:
    """Call from a pod, at the address in the status; give what the caller has to say afterwards."""
    place, url = ("-n", session.namespace), session.status["url"]
    image = ("--image=botsession/testbot:dev", "--restart=Never", "--image-pull-policy=Never")
    kubectl("run", name, *place, *image, "--command", "--", "/venv/bin/python", "calls.py", url)
    over = kubectl(
        "wait", f"pod/{name}", *place, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s", timeout=100
    )
    said = kubectl("logs", name, *place).stdout
    assert over.returncode == 0, f"{over.stderr}\n{said}"
    return said.splitlines()[-1]


def services(world: World) -> list[Json]:
    """List the Services of the namespace."""
    listed: list[Json] = json.loads(kubectl("get", "services", "-n", world.namespace, "-o", "json").stdout)["items"]
    return listed


def test_caller_reaches_the_bot_through_its_service(world: World) -> None:
    session = exposed(world, "called", ANSWERS)
    (service,) = services(world)
    assert session.status["url"] == f"ws://{service['metadata']['name']}.{world.namespace}.svc:7860/ws"
    assert session.status["phase"] == "Starting"

    heard = re.fullmatch(r"heard (\S+) s, as loud as (\d+)", called(session))

    assert heard
    assert float(heard[1]) > 0.9
    assert int(heard[2]) > 5000
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")
    assert services(world) == []
    assert "url" not in session.status


def test_second_caller_is_turned_away(world: World) -> None:
    session = exposed(world, "busy", LISTENS, shutdown={"gracePeriod": "5s", "cancelPeriod": "5s"})
    kubectl("run", "first", "-n", world.namespace, "--image=botsession/testbot:dev", "--image-pull-policy=Never",
            "--restart=Never", "--command", "--", "/venv/bin/python", "calls.py", session.status["url"])  # fmt: skip
    session.eventually(phase="Running")

    assert called(session, "second").startswith("refused 409 this session has its caller already")


def test_caller_who_never_comes_is_no_failure(world: World) -> None:
    session = world.session("no-show", bot=LISTENS, expose={}, joinTimeout="2s", startTimeout="2m")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == ("NoClient", "NeverStarted", "nobody had called")
    assert session.status["phase"] == "Succeeded"
    assert services(world) == []


def test_session_waits_on_while_its_operator_is_killed(world: World) -> None:
    session = exposed(world, "orphan", ANSWERS, startTimeout="30s", joinTimeout="10m")
    kill_operator()
    assert called(session).startswith("heard")
    finish = session.finishes(within=120)
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")
    assert services(world) == []


def test_session_that_is_deleted_takes_its_service_along(world: World) -> None:
    session = exposed(world, "deleted", LISTENS)
    world.delete(session)
    session.goes()
    assert services(world) == []


def test_bot_that_listens_in_its_own_way_has_a_service(world: World) -> None:
    expose = {"port": 8080, "protocol": "WebSocket", "path": "/talk"}
    session = world.session("own-way", bot={"target": "quiet.py"}, expose=expose).eventually(phase="Running")
    (service,) = services(world)
    (port,) = service["spec"]["ports"]
    assert (port["port"], port["appProtocol"]) == (8080, "kubernetes.io/ws")
    assert session.status["url"].endswith(":8080/talk")
