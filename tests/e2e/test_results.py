"""What a session is given, what its bot hands over, and who is told of it: on a real cluster."""

from typing import Any

import pytest

from tests.e2e.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

QUICK = {"gracePeriod": "3s", "cancelPeriod": "3s"}
QUIET = {"target": "quiet.py"}
SCRIPT = ["python3", "/app/hands_over.py"]


def booking(how: str = "set") -> dict[str, Any]:
    return {"how": how, "result": {"booked": True, "note": "grüezi 🌍", "table": None}}


@pytest.mark.parametrize(
    ("bot", "result"),
    [
        pytest.param({"target": "hands_over.py", "body": booking()}, booking()["result"], id="set_result"),
        pytest.param({"target": "hands_over.py", "body": booking("child")}, booking()["result"], id="the file"),
        pytest.param({"command": SCRIPT, "body": booking()}, booking()["result"], id="a command"),
        pytest.param({"target": "hands_over.py", "body": [1, None]}, [1, None], id="the body itself"),
        pytest.param({"target": "hands_over.py", "body": 0}, 0, id="a number"),
        pytest.param({"target": "hands_over.py"}, {}, id="no body"),
    ],
)
def test_what_the_bot_hands_over_is_in_the_status(world: World, bot: dict[str, Any], result: object) -> None:
    session = world.session("hands-over", bot=bot)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")
    assert session.status["result"] == result
    assert "webhook" not in session.status, "nobody is told by default"


def test_result_of_a_bot_that_is_killed_is_kept(world: World) -> None:
    bot = {"target": "hands_over.py", "body": booking("hangs")}
    session = world.session("hangs", bot=bot, maxSessionDuration="2s", shutdown=QUICK)
    assert session.finishes()["outcome"] == "Killed"
    assert session.status["result"] == booking()["result"]
