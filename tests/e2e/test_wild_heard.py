"""What the caller got, from a bot in a pod to the status."""

from typing import Any

import pytest

from tests.e2e.world import Json, Session, World

pytestmark = pytest.mark.cluster

PORT = 8765


def calls_itself(world: World, name: str, body: Json, **spec: Any) -> Session:
    """Apply a session whose bot is its own caller, and hears what the body says."""
    return world.session(name, bot={"target": "heard.py", "body": {"port": PORT, "calls": True, **body}}, **spec)


def test_first_sound_and_turns_are_in_the_status(world: World) -> None:
    session = calls_itself(world, "heard", {"greets": 1, "caller_speaks": 2, "ends": True})
    assert session.finishes()["reason"] == "Completed"
    conversation = session.status["conversation"]
    assert (conversation["hasAudio"], conversation["botTurns"], conversation["callerTurns"]) == (True, 1, 2)
    assert conversation["errors"] == []
    assert session.status["clientConnectedAt"] < conversation["firstSoundAt"] < session.status["finishedAt"]


def test_silent_bot_is_ended_by_its_first_sound_timeout(world: World) -> None:
    session = calls_itself(world, "silent", {"voice": "none", "model": "dies"}, firstSoundTimeout="2s")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("NoSound", "Drained")
    assert session.status["phase"] == "Failed"
    (errors,) = session.status["conversation"]["errors"]
    assert (errors["kind"], errors["processor"], errors["count"]) == ("LLM", "FarModel", 1)
    assert errors["firstMessage"].startswith("ConnectionRefusedError: ")
    assert "firstSoundAt" not in session.status["conversation"]


def test_error_of_a_live_session_is_in_its_status(world: World) -> None:
    session = calls_itself(world, "live", {"voice": "none", "model": "fails"})
    session.until(lambda status: status.get("conversation", {}).get("errors", []) != [], what="an error")
    assert session.status["phase"] == "Running"
    assert session.status["conversation"]["errors"][0]["processor"] == "FarModel"
