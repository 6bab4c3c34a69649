"""Pipelines in other processes than the one that the supervisor starts, on a real cluster."""

import pytest

from tests.e2e.world import World

pytestmark = pytest.mark.cluster
#: Starts a program without the way to its supervisor.
LOST = "import os, sys; [os.environ.pop(f'BOTSESSION_AGENT_{each}') for each in ('FD', 'SOCKET', 'TOKEN')]; "
LOSER = ["python3", "-c", f"{LOST}os.execvp(sys.argv[1], sys.argv[1:])"]


def test_end_reaches_a_pipeline_in_a_child_process(world: World) -> None:
    body = {"how": "spawn", "bots": [{}]}
    session = world.session("child", bot={"target": "elsewhere.py", "body": body}).eventually(phase="Running")
    world.edit(session, end="Graceful")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["exitCode"]) == ("EndRequested", "Drained", 0)
    world.nothing_is_left(session)


def test_bot_that_cannot_reach_its_supervisor_runs_unwatched(world: World) -> None:
    """Hold that it outlives its startTimeout, and that its longest duration ends it."""
    session = world.session("unwatched", bot={"command": [*LOSER, "python3", "script.py"]}).eventually(phase="Running")
    world.start_is_over(session)
    world.time_is_over(session, seconds=5)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("MaxDuration", "Unwatched")
    watched = [each for each in session.status["conditions"] if each["type"] == "Watched"]
    assert [(each["status"], each["reason"]) for each in watched] == [("False", "HookCannotConnect")]
    assert "could not reach the supervisor" in watched[0]["message"]
