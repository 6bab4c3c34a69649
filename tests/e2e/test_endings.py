"""How sessions end when the bot does not play along, on a real cluster."""

import pytest

from tests.e2e.world import FORCED, Json, World

pytestmark = pytest.mark.cluster

#: For a bot that has to be killed; the others take what time they need.
QUICK = {"gracePeriod": "3s", "cancelPeriod": "3s"}


def facts(finish: Json) -> tuple[str, str]:
    """Return why and how."""
    return finish["reason"], finish["outcome"]


def test_swallowed_end_frame_is_forced_within_grace_and_cancel_period(world: World) -> None:
    session = world.session("swallows", bot={"target": "swallows_end.py"}, shutdown=FORCED).eventually(phase="Running")
    world.edit(session, end="Graceful")
    finish = session.finishes()
    assert facts(finish) == ("EndRequested", "Forced")
    assert "Blackhole" in finish["stuckAt"]
    assert session.status["ending"]["step"] == "ForcedCancelFrame"
    assert 3 <= session.status["timings"]["drained"] < 3 + 60
    ending = session.status["ending"]
    assert [taken["step"] for taken in ending["steps"]] == ["EndFrame", "ForcedCancelFrame"]
    assert ending["requestedAt"] <= ending["steps"][0]["at"] < ending["steps"][1]["at"] < session.status["finishedAt"]


def test_blocking_loop_is_killed_and_its_line_is_told(world: World) -> None:
    session = world.session("spins", bot={"target": "spins.py"}, shutdown=QUICK).eventually(phase="Running")
    world.edit(session, end="Graceful")
    finish = session.finishes()
    assert facts(finish) == ("EndRequested", "Killed")
    assert "spins.py:" in finish["stuckAt"]
    assert session.status["phase"] == "Failed"
    world.nothing_is_left(session)


def test_crash_before_the_pipeline_started_names_the_line(world: World) -> None:
    session = world.session("early", bot={"target": "crashes_early.py"})
    finish = session.finishes()
    assert facts(finish) == ("BotError", "NeverStarted")
    assert "crashes_early.py:" in finish["message"]
    world.nothing_is_left(session)


def test_crash_after_the_pipeline_started_names_the_line(world: World) -> None:
    session = world.session("late", bot={"target": "crashes_late.py"})
    finish = session.finishes()
    assert finish["reason"] == "BotError"
    assert "crashes_late.py:" in finish["message"]
    assert session.status["startedAt"]
    world.nothing_is_left(session)


def test_graceful_end_is_raised_to_immediate_while_it_drains(world: World) -> None:
    slow = {"gracePeriod": "5m", "cancelPeriod": "1m"}
    session = world.session("raised", bot={"target": "swallows_end.py"}, shutdown=slow).eventually(phase="Running")
    world.edit(session, end="Graceful")
    session.eventually(phase="Ending")
    world.edit(session, end="Immediate")
    assert facts(session.finishes()) == ("EndRequested", "Forced")


def test_live_session_is_cut_short_by_an_edit(world: World) -> None:
    session = world.session("cut", bot={"target": "quiet.py"}).eventually(phase="Running")
    world.edit(session, maxSessionDuration="1s")
    assert facts(session.finishes()) == ("MaxDuration", "Drained")


def test_command_line_is_left_alone(world: World) -> None:
    session = world.session("script", bot={"command": ["python3", "script.py"]})
    session.eventually(phase="Running")
    world.edit(session, end="Graceful")
    assert facts(session.finishes()) == ("EndRequested", "Drained")


def test_bundled_runtime_needs_no_injection(world: World) -> None:
    bot = {"image": "botsession/testbot-bundled:dev", "target": "quiet.py", "runtime": "Bundled"}
    session = world.session("bundled", bot=bot).eventually(phase="Running")
    world.edit(session, end="Graceful")
    assert facts(session.finishes()) == ("EndRequested", "Drained")
