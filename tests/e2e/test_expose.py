"""Sessions that are called: through their Service, by a caller in a pod of its own."""

import re
from typing import Final

import pytest

from tests.e2e.calls import call, called, exposed, listed
from tests.e2e.world import World

pytestmark = pytest.mark.cluster

#: A bot that hangs up when it has heard its caller for a moment.
ANSWERS: Final = {"target": "answers.py", "transport": {"type": "websocket"}, "body": {"hangs_up": 0.5}}
LISTENS: Final = {**ANSWERS, "body": {}}


def test_caller_reaches_the_bot_through_its_service(world: World) -> None:
    session = exposed(world, "called", ANSWERS)
    (service,) = listed(world, "services")
    assert session.status["url"] == f"ws://{service['metadata']['name']}.{world.namespace}.svc:7860/ws"
    assert session.status["phase"] == "Starting"

    heard = re.fullmatch(r"heard (\S+) s, as loud as (\d+)", called(session))

    assert heard
    assert float(heard[1]) > 0.9
    assert int(heard[2]) > 5000
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")
    assert listed(world, "services") == []
    assert "url" not in session.status


def test_second_caller_is_turned_away(world: World) -> None:
    session = exposed(world, "busy", LISTENS)
    call(session, session.status["url"], "first")
    session.eventually(phase="Running")

    assert called(session, name="second").startswith("refused 409 this session has its caller already")


def test_caller_who_never_comes_is_no_failure(world: World) -> None:
    session = world.session("no-show", bot=LISTENS, expose={}, joinTimeout="2s", startTimeout="2m")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == (
        "NoClient",
        "NeverStarted",
        "no caller had connected",
    )
    assert session.status["phase"] == "Succeeded"
    assert listed(world, "services") == []


def test_session_that_is_deleted_takes_its_service_along(world: World) -> None:
    session = exposed(world, "deleted", LISTENS)
    world.delete(session)
    session.goes()
    assert listed(world, "services") == []


def test_bot_that_listens_in_its_own_way_has_a_service(world: World) -> None:
    expose = {"port": 8080, "protocol": "WebSocket", "path": "/talk"}
    session = world.session("own-way", bot={"target": "quiet.py"}, expose=expose).eventually(phase="Running")
    (service,) = listed(world, "services")
    (port,) = service["spec"]["ports"]
    assert (port["port"], port["appProtocol"]) == (8080, "kubernetes.io/ws")
    assert session.status["url"].endswith(":8080/talk")
