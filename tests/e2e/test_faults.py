"""What is left when things break: each session has exactly one finish, and no pod, finalizer or object stays."""

import re

import pytest

from tests.e2e.world import World

pytestmark = pytest.mark.cluster

QUIET = {"target": "quiet.py"}
#: Long enough for the operator to be killed midway, for an ending that goes on is told of only after 3 s.
SLOWLY = {"gracePeriod": "15s", "cancelPeriod": "1m"}


def test_pod_deleted_by_hand_still_reports(world: World) -> None:
    session = world.session("evicted", bot=QUIET).eventually(phase="Running")
    world.delete_pod(session)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == ("Evicted", "Drained", "Runtime")
    world.nothing_is_left(session)


def test_pod_taken_away_without_grace_is_reported_by_the_operator(world: World) -> None:
    # One that does not end within the second that the kubelet gives it, and so leaves no report.
    session = world.session("lost", bot={"target": "swallows_end.py"}).eventually(phase="Running")
    world.delete_pod(session, grace=0)
    finish = session.finishes()
    assert (finish["outcome"], finish["reportedBy"]) == ("Lost", "Operator")
    assert session.status["phase"] == "Failed"
    world.nothing_is_left(session)


def test_session_deleted_while_its_pod_starts(world: World) -> None:
    session = world.session("unborn", bot=QUIET)
    world.has_a_pod(session)
    world.delete(session)
    session.goes()
    assert [finish["reason"] for finish in session.history.finishes] == ["Deleted"]
    world.nothing_is_left(session)


def test_image_that_cannot_be_pulled_is_a_condition_and_then_the_reason(world: World) -> None:
    bot = {"image": "botsession/no-such-image:1", "target": "bot.py"}
    session = world.session("no-image", bot=bot)
    session.until(lambda status: started(status)["reason"] in ("ErrImagePull", "ImagePullBackOff"), what="told why")
    limit = world.start_is_over(session)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("ImagePull", "NeverStarted")
    spent = r"node \S+ s, image and container \S+ s and not done; "
    assert re.match(f"startTimeout {limit}: {spent}", finish["message"]), finish
    world.nothing_is_left(session)


def test_missing_secret_is_a_condition_and_then_the_reason(world: World) -> None:
    key = {"secretKeyRef": {"name": "no-such-secret", "key": "token"}}
    bot = QUIET | {"env": [{"name": "TOKEN", "valueFrom": key}]}
    session = world.session("no-secret", bot=bot)
    session.until(lambda status: started(status)["reason"] == "CreateContainerConfigError", what="told why")
    world.start_is_over(session)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("PodRejected", "NeverStarted")
    assert "no-such-secret" in finish["message"]
    world.nothing_is_left(session)


def test_unschedulable_pod_is_a_condition_and_then_the_reason(world: World) -> None:
    bot = QUIET | {"resources": {"requests": {"memory": "4Ti"}}}
    session = world.session("too-big", bot=bot)
    session.until(lambda status: started(status)["reason"] == "Unschedulable", what="told why")
    limit = world.start_is_over(session)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Unschedulable", "NeverStarted")
    assert re.match(rf"startTimeout {limit}: node \d+ s and not done; ", finish["message"])
    assert "Insufficient memory" in finish["message"]
    world.nothing_is_left(session)


def test_quota_keeps_the_session_waiting_until_it_is_raised(world: World) -> None:
    world.set_quota(pods=0)
    session = world.session("waits", bot=QUIET, maxSessionDuration="2s")
    session.until(lambda status: condition(status, "PodCreated")["reason"] == "QuotaExceeded", what="told why")
    world.set_quota(pods=5)
    assert session.finishes()["reason"] == "MaxDuration"
    world.nothing_is_left(session)


def started(status: dict[str, object]) -> dict[str, str]:
    """Return the condition that tells whether the pipeline has started, and why not."""
    return condition(status, "Started")


def condition(status: dict[str, object], kind: str) -> dict[str, str]:
    """Return a condition, empty where there is none yet."""
    conditions = status.get("conditions", [])
    assert isinstance(conditions, list)
    return next((each for each in conditions if each["type"] == kind), {"reason": ""})
