"""Starts that are too slow, on a real cluster: the status names the part that was."""

import re

import pytest

from tests.e2e.world import World

pytestmark = pytest.mark.cluster


def test_slow_import_is_named(world: World) -> None:
    session = world.session("slow-import", bot={"target": "imports_slowly.py"})
    session.until(lambda status: said_of_start(status) == "ImportingBot", what="importing")
    limit = world.start_is_over(session)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("StartTimeout", "NeverStarted")
    spent = r"node \S+ s, image and container \S+ s, import of the bot \S+ s and not done; "
    assert re.fullmatch(f"startTimeout {limit}: {spent}the bot was still being imported", finish["message"]), finish
    world.nothing_is_left(session)


def test_pipeline_that_does_not_start_is_named(world: World) -> None:
    session = world.session("no-start", bot={"target": "starts_never.py"})
    session.until(lambda status: said_of_start(status) == "StartingPipeline", what="about to start its pipeline")
    limit = world.start_is_over(session)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("StartTimeout", "NeverStarted")
    parts = r"node \S+ s, image and container \S+ s, import of the bot \S+ s, start of the pipeline \S+ s and not done"
    assert re.fullmatch(f"startTimeout {limit}: {parts}; the pipeline had not started", finish["message"]), finish
    world.nothing_is_left(session)


def test_volume_that_is_missing_is_named(world: World) -> None:
    volume = {"name": "missing", "secret": {"secretName": "no-such-secret"}}
    container = {"name": "bot", "volumeMounts": [{"name": "missing", "mountPath": "/missing"}]}
    template = {"spec": {"volumes": [volume], "containers": [container]}}
    session = world.session("no-volume", bot={"target": "quiet.py"}, podTemplate=template)
    session.until(lambda status: said_of_start(status) == "PreparingPod", what="preparing the pod")
    limit = world.start_is_over(session)
    finish = session.finishes()
    assert finish["reason"] == "StartTimeout"
    spent = r"node \S+ s, volumes and network \S+ s and not done; "
    assert re.match(f"startTimeout {limit}: {spent}", finish["message"]), finish


def said_of_start(status: dict[str, object]) -> str:
    """Return the reason of the condition that tells whether the pipeline has started."""
    conditions = status.get("conditions", [])
    assert isinstance(conditions, list)
    return next((str(each["reason"]) for each in conditions if each["type"] == "Started"), "")
