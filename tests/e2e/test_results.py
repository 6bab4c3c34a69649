"""What a session is given, what its bot hands over, and who is told of it: on a real cluster.

Every kind of body and result, and every way to hand one over, is in tests/component/runtime/test_data.py and
tests/unit/core/status/test_derive.py.
"""

from typing import Any

import pytest

from tests.e2e.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SCRIPT = ["python3", "/app/hands_over.py"]


def booking() -> dict[str, Any]:
    return {"how": "set", "result": {"booked": True, "note": "grüezi 🌍", "table": None}}


@pytest.mark.parametrize(
    ("bot", "result"),
    [
        pytest.param({"target": "hands_over.py", "body": booking()}, booking()["result"], id="set_result"),
        pytest.param({"command": SCRIPT, "body": booking()}, booking()["result"], id="a command"),
        pytest.param({"target": "hands_over.py", "body": 0}, 0, id="a number"),
    ],
)
def test_what_the_bot_hands_over_is_in_the_status(world: World, bot: dict[str, Any], result: object) -> None:
    session = world.session("hands-over", bot=bot)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")
    assert session.status["result"] == result
    assert "webhook" not in session.status, "nobody is told by default"
