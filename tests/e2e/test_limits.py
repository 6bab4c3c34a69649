"""Idle and join limits, from `kubectl apply` to the status, on a real cluster.

What they mean to a bot is in tests/component/runtime/test_limits.py.
"""

from datetime import datetime
from typing import Any

import pytest

from tests.e2e.world import Json, Session, World

pytestmark = pytest.mark.cluster


def talks(world: World, name: str, body: Json, **spec: Any) -> Session:
    """Apply a session whose bot is quiet, busy or alone as its body says."""
    return world.session(name, bot={"target": "talks.py", "body": body}, **spec)


def seconds_between(earlier: str, later: str) -> float:
    """Return how far two times of a status are apart."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def test_caller_who_never_comes_is_missed(world: World) -> None:
    session = talks(world, "no-show", {"transport": "reports"}, joinTimeout="2s", idleTimeout="1s")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("NoClient", "Drained")
    assert session.status["phase"] == "Succeeded"
    assert session.status["ending"]["cause"] == "NoClient"
    assert "clientConnectedAt" not in session.status


def test_quiet_call_ends_with_the_bots_own_timeout_overruled(world: World) -> None:
    body = {"transport": "reports", "client": 0, "own_idle": 1}
    session = talks(world, "quiet", body, idleTimeout="3s", idle={"frames": ["UserSpeeking"]})
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("IdleTimeout", "Drained")
    assert seconds_between(session.status["startedAt"], session.status["endingAt"]) >= 3
    assert "UserSpeeking" in finish["message"], "a misspelt frame class is told in the status"


def test_idle_timeout_and_way_to_end_given_during_the_call_reach_the_pod(world: World) -> None:
    session = talks(world, "reshaped", {}, idleTimeout="0s").eventually(phase="Running")
    world.edit(session, shutdown={"gracePeriod": "1m", "overrides": {"idleTimeout": {"mode": "Immediate"}}})
    world.edit(session, idleTimeout="1s")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("IdleTimeout", "Cancelled")
    assert session.status["ending"]["mode"] == "Immediate"
