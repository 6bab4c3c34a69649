"""Ends that bots make themselves, in all the ways that they are met, on a real cluster."""

from datetime import datetime
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


@pytest.mark.parametrize(
    ("how", "reason", "cause"),
    [
        ("StopFrame", "Completed", "BotEnded"),
        ("stop_when_done", "Completed", "BotEnded"),
        ("worker.cancel", "BotCancelled", "BotCancelled"),
        ("runner.cancel", "BotCancelled", "BotCancelled"),
    ],
)
def test_own_end_is_recorded_with_its_cause(world: World, how: str, reason: str, cause: str) -> None:
    session = ends(world, f"own-{how}".lower().replace(".", "-").replace("_", "-"), {"how": how})
    assert session.finishes()["reason"] == reason
    assert session.status["ending"]["cause"] == cause


def test_call_in_two_stages_is_one_session(world: World) -> None:
    session = stages(world, "two-stages", {"ends": ["StopFrame", "EndFrame"]})
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == ("Completed", "Drained", "stage 2 is over")
    assert [stage["name"] for stage in session.status["stages"]] == ["stage-1"]


def test_second_stage_outlives_the_grace_period_of_the_first(world: World) -> None:
    body = {"ends": ["EndFrame", "waits"], "between": 4}
    short = {"gracePeriod": "8s", "cancelPeriod": "5s"}
    session = stages(world, "long-second-stage", body, shutdown=short, maxSessionDuration="30s")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("MaxDuration", "Drained")
    lasted = datetime.fromisoformat(session.status["conversationEndedAt"]) - datetime.fromisoformat(
        session.status["startedAt"]
    )
    assert lasted.total_seconds() >= 29


def test_helper_that_waits_is_ended_with_the_conversation(world: World) -> None:
    bot = {"target": "helper_waits.py", "body": {"how": "worker.cancel"}}
    session = world.session("helper-waits", bot=bot, shutdown=SHORT)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["exitCode"]) == ("BotCancelled", "Cancelled", 0)
