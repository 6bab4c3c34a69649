"""The main job, on a real cluster through the installed chart: a conversation is held, and ends properly."""

from pathlib import Path

import pytest

from tests.e2e.caller import FAREWELL, Caller
from tests.e2e.world import World

pytestmark = pytest.mark.cluster

PARROT = {"image": "botsession/parrot:dev", "target": "bot.py"}
FAREWELL_HEARD = "we have reached our time limit goodbye"
GRACEFUL = {"gracePeriod": "60s", "farewell": FAREWELL}
#: Ten seconds to say it: an ending that goes on is told of only after 3 s.
LONG_WINDED = {"gracePeriod": "60s", "farewell": f"{FAREWELL} {FAREWELL} {FAREWELL}"}


def test_caller_is_heard_and_answered_and_the_bots_goodbye_ends_it(world: World, tmp_path: Path) -> None:
    session = world.session("parrot", bot=PARROT).eventually(phase="Running")
    with Caller(session, tmp_path, "hello", "goodbye") as caller:
        heard = caller.heard()
    assert heard.endswith("you said hello goodbye")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == ("Completed", "Drained", "Runtime")
    assert session.status["phase"] == "Succeeded"
    assert session.status["clientConnectedAt"] > session.status["startedAt"]
    assert "clientDisconnectedAt" not in session.status
    world.nothing_is_left(session)


def test_caller_who_hangs_up_is_not_taken_for_a_bot_that_cancels(world: World, tmp_path: Path) -> None:
    session = world.session("hung-up", bot=PARROT, shutdown=GRACEFUL).eventually(phase="Running")
    with Caller(session, tmp_path, "hello") as caller:
        caller.until_event("said")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["frame"]) == ("ClientDisconnected", "Cancelled", "CancelFrame")
    assert session.status["phase"] == "Succeeded"
    assert session.status["clientConnectedAt"] < session.status["clientDisconnectedAt"] <= session.status["finishedAt"]
    assert session.status["ending"]["cause"] == "BotCancelled"
    world.nothing_is_left(session)


def test_farewell_is_heard_when_the_time_is_over(world: World, tmp_path: Path) -> None:
    session = world.session("timed", bot=PARROT, shutdown=GRACEFUL).eventually(phase="Running")
    with Caller(session, tmp_path, "hello") as caller:
        caller.until_event("said")
        world.time_is_over(session, seconds=10)
        assert FAREWELL_HEARD in caller.heard()
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("MaxDuration", "Drained")
    assert session.status["ending"]["farewell"] == "Spoken"
    world.nothing_is_left(session)


def test_deletion_waits_for_the_farewell(world: World, tmp_path: Path) -> None:
    session = world.session("deleted", bot=PARROT, shutdown=GRACEFUL).eventually(phase="Running")
    with Caller(session, tmp_path, "hello") as caller:
        caller.until_event("said")
        world.delete(session)
        assert FAREWELL_HEARD in caller.heard()
    session.goes()
    assert [(f["reason"], f["outcome"]) for f in session.history.finishes] == [("Deleted", "Drained")]
    world.nothing_is_left(session)
