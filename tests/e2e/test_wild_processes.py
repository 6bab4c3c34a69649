"""Pipelines in other processes than the one that the supervisor starts, on a real cluster."""

import pytest

from tests.e2e.world import World

pytestmark = pytest.mark.cluster

#: As `conda run` and `honcho` start a program: all descriptors but the first three are closed.
WRAPPER = ["python3", "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"]
#: Starts a program without the way to its supervisor.
LOST = "import os, sys; [os.environ.pop(f'BOTSESSION_AGENT_{each}') for each in ('FD', 'SOCKET', 'TOKEN')]; "
LOSER = ["python3", "-c", f"{LOST}os.execvp(sys.argv[1], sys.argv[1:])"]


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver", "subprocess"])
def test_end_reaches_a_pipeline_in_a_child_process(world: World, how: str) -> None:
    body = {"how": how, "bots": [{}]}
    session = world.session(how, bot={"target": "elsewhere.py", "body": body}).eventually(phase="Running")
    world.edit(session, end="Graceful")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["exitCode"]) == ("EndRequested", "Drained", 0)
    world.nothing_is_left(session)


def test_pipeline_behind_a_wrapper_is_reported(world: World) -> None:
    command = [*WRAPPER, "python3", "elsewhere.py", '{"ends": 3}']
    finish = world.session("wrapped", bot={"command": command}).finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == ("Completed", "Drained", "all said")


def test_session_is_over_when_the_last_of_two_processes_is(world: World) -> None:
    bots = [{"ends": 1, "reason": "first"}, {"ends": 8, "reason": "last"}]
    session = world.session("two", bot={"target": "elsewhere.py", "body": {"how": "spawn", "bots": bots}})
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == ("Completed", "Drained", "last")


def test_child_that_dies_in_mid_call_is_told(world: World) -> None:
    body = {"how": "spawn", "bots": [{"dies": 2}], "stays": True}
    finish = world.session("lost", bot={"target": "elsewhere.py", "body": body}).finishes()
    assert (finish["reason"], finish["outcome"]) == ("BotExited", "Lost")
    assert "the process that ran the pipeline ended before the pipeline had finished" in finish["message"]


def test_bot_that_cannot_reach_its_supervisor_runs_unwatched(world: World) -> None:
    """Hold that it outlives its startTimeout, and that its longest duration ends it."""
    session = world.session(
        "unwatched", bot={"command": [*LOSER, "python3", "script.py"]}, startTimeout="30s", maxSessionDuration="45s"
    )
    session.eventually(phase="Running")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("MaxDuration", "Unwatched")
    watched = [each for each in session.status["conditions"] if each["type"] == "Watched"]
    assert [(each["status"], each["reason"]) for each in watched] == [("False", "HookCannotConnect")]
    assert "could not reach the supervisor" in watched[0]["message"]
