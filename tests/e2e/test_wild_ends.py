"""Ends that bots make themselves, in all the ways that they are met, on a real cluster."""

from typing import Any

import pytest

from tests.e2e.world import Json, Session, World

pytestmark = pytest.mark.cluster
SHORT = {"gracePeriod": "2s", "cancelPeriod": "30s"}


def ends(world: World, name: str, body: Json, **spec: Any) -> Session:
    return world.session(name, bot={"target": "ends_itself.py", "body": body}, **spec)


def stages(world: World, name: str, body: Json, **spec: Any) -> Session:
    return world.session(name, bot={"target": "stages.py", "body": body}, **spec)


def steps(session: Session) -> list[str]:
    return [taken["step"] for taken in session.status["ending"]["steps"]]


def test_own_end_that_a_recorder_keeps_is_forced_out(world: World) -> None:
    session = ends(world, "own-end-kept", {"how": "EndFrame", "keeps": True}, shutdown=SHORT)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["stuckAt"]) == ("Completed", "Forced", "Recorder#0")
    assert finish["message"] == "said goodbye"
    assert session.status["ending"]["cause"] == "BotEnded"
    assert steps(session) == ["EndFrame", "ForcedCancelFrame"]
    assert session.status["phase"] == "Succeeded"


def test_own_end_is_shown_while_it_is_under_way_and_deleting_the_session_takes_over(world: World) -> None:
    patient = {"gracePeriod": "5m", "cancelPeriod": "30s", "overrides": {"deleted": {"gracePeriod": "1s"}}}
    session = ends(world, "own-end-deleted", {"how": "EndFrame", "keeps": True}, shutdown=patient)
    session.eventually(phase="Ending")
    assert session.status["ending"]["cause"] == "BotEnded"
    world.edit(session, end="Immediate")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Forced")
    assert session.status["ending"]["cause"] == "EndRequested"


def test_call_in_two_stages_is_one_session(world: World) -> None:
    session = stages(world, "two-stages", {"ends": ["StopFrame", "EndFrame"]})
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == ("Completed", "Drained", "stage 2 is over")
    assert [stage["name"] for stage in session.status["stages"]] == ["stage-1"]
