"""Bots that run out of memory, on a real cluster: the kernel takes the bot alone, or the whole container."""

import pytest

from tests.e2e.world import Json, Session, World, kubectl

pytestmark = pytest.mark.cluster

LIMIT = {"limits": {"memory": "256Mi"}}


def eats(world: World, name: str, body: Json, **spec: Json) -> Session:
    """Apply a session whose bot eats memory as its body says."""
    return world.session(name, bot={"target": "eats_memory.py", "body": body, "resources": LIMIT}, **spec)


def test_bot_that_the_kernel_takes_alone_is_reported_by_its_supervisor(world: World) -> None:
    session = eats(world, "own", {"what": "own"})
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("OutOfMemory", "Killed"), finish
    assert (finish["reportedBy"], finish["exitCode"]) == ("Runtime", 137)
    assert "has a limit of 256 MiB and used at most 25" in finish["message"]
    assert session.status["phase"] == "Failed"
    world.nothing_is_left(session)


def test_container_that_the_kernel_takes_as_a_whole_is_reported_by_the_operator(world: World) -> None:
    # Requests that are as high as the limits weigh nothing, so that there is something to add to the supervisor's.
    guaranteed = {"limits": {"memory": "256Mi", "cpu": "500m"}}
    bot = {"target": "eats_memory.py", "body": {"what": "supervisor"}, "resources": guaranteed}
    session = world.session("whole", bot=bot)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("OutOfMemory", "Killed"), finish
    assert (finish["reportedBy"], finish["exitCode"]) == ("Operator", 137)
    world.nothing_is_left(session)


def test_lost_child_process_is_told_where_the_bot_fails_without_it(world: World) -> None:
    finish = eats(world, "child", {"what": "child"}).finishes()
    assert finish["reason"] == "BotError", finish
    assert "CalledProcessError" in finish["message"]
    assert "the kernel had killed a process of the container for memory" in finish["message"]


def test_bot_weighs_more_than_its_supervisor(world: World) -> None:
    bot = {"target": "quiet.py", "resources": LIMIT}
    session = world.session("quiet", bot=bot).eventually(phase="Running")
    bots_folder = "$(dirname $(grep -l '[b]otsession_runtime.launch' /proc/[0-9]*/cmdline))"
    scores = f"cat /proc/1/oom_score_adj {bots_folder}/oom_score_adj"
    place = ("-n", world.namespace, session.status["podName"])
    supervisor, bots = map(int, kubectl("exec", *place, "--", "sh", "-c", scores).stdout.split())
    # A pod whose memory request is small has little room left below the kernel's bound.
    assert bots == min(1000, supervisor + 250)
    world.edit(session, end="Immediate")
    session.finishes()
