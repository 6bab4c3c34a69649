"""What a session is given, what its bot hands over, and who is told of it: on a real cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.receiver import NEWER, SECRET, Receiver, receiver
from tests.e2e.world import OPERATOR_PODS, PATIENCE, World, kill_operator, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

QUICK = {"gracePeriod": "3s", "cancelPeriod": "3s"}
QUIET = {"target": "quiet.py"}
SCRIPT = ["python3", "/app/hands_over.py"]


def booking(how: str = "set") -> dict[str, Any]:
    return {"how": how, "result": {"booked": True, "note": "grüezi 🌍", "table": None}}


@pytest.mark.parametrize(
    ("bot", "result"),
    [
        pytest.param({"target": "hands_over.py", "body": booking()}, booking()["result"], id="set_result"),
        pytest.param({"target": "hands_over.py", "body": booking("child")}, booking()["result"], id="the file"),
        pytest.param({"command": SCRIPT, "body": booking()}, booking()["result"], id="a command"),
        pytest.param({"target": "hands_over.py", "body": [1, None]}, [1, None], id="the body itself"),
        pytest.param({"target": "hands_over.py", "body": 0}, 0, id="a number"),
        pytest.param({"target": "hands_over.py"}, {}, id="no body"),
    ],
)
def test_what_the_bot_hands_over_is_in_the_status(world: World, bot: dict[str, Any], result: object) -> None:
    session = world.session("hands-over", bot=bot)
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"]) == ("Completed", "Drained")
    assert session.status["result"] == result
    assert "webhook" not in session.status, "nobody is told by default"


def test_result_of_a_bot_that_is_killed_is_kept(world: World) -> None:
    bot = {"target": "hands_over.py", "body": booking("hangs")}
    session = world.session("hangs", bot=bot, maxSessionDuration="2s", shutdown=QUICK)
    assert session.finishes()["outcome"] == "Killed"
    assert session.status["result"] == booking()["result"]


@pytest.fixture(scope="module")
def hook(kubeconfig: Path) -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _willing(request: pytest.FixtureRequest) -> None:
    """Have the receiver, where there is one, take everything as each test begins."""
    if "hook" in request.fixturenames:
        running: Receiver = request.getfixturevalue("hook")
        running.answers(204)
        running.fails_first(0)


def test_each_event_arrives_signed_though_the_receiver_fails_twice(world: World, hook: Receiver) -> None:
    hook.fails_first(2)
    session = world.session("told", bot={"target": "hands_over.py", "body": booking()})
    finish = session.finishes()
    session.eventually(webhook={"started": "Delivered", "finished": "Delivered"})
    uid = session.history.last["metadata"]["uid"]
    messages = hook.messages(session)
    for event in ("started", "finished"):
        tries = [message for message in messages if message["id"] == f"{uid}.{event}"]
        assert [message["answer"] for message in tries] == [503, 503, 204]
        assert all(message["event"] == tries[0]["event"] for message in tries)
        assert tries[0]["event"]["id"] == f"{uid}.{event}"
    assert len(messages) == 6
    # Not the last of all: each is tried again in its own time, and either may be taken first.
    *_, last = (message["event"] for message in messages if message["id"] == f"{uid}.finished")
    data = last["data"]
    told = {"reason", "outcome", "frame", "exitCode"}
    assert {name: data[name] for name in told} == {name: finish[name] for name in told}
    assert (data["result"], data["finishedAt"]) == (session.status["result"], session.status["finishedAt"])
    assert last["subject"] == f"{world.namespace}/told"


def test_operator_that_dies_before_a_delivery_loses_no_event(world: World, hook: Receiver) -> None:
    session = world.session("outlives", bot=QUIET).eventually(phase="Running")
    session.until(lambda status: status.get("webhook") == {"started": "Delivered"})
    hook.answers(503)
    world.edit(session, end="Graceful")
    session.finishes()
    hook.has(session, "finished", tries=2)
    kill_operator()
    hook.answers(204)
    session.eventually(webhook={"started": "Delivered", "finished": "Delivered"})
    messages = hook.messages(session)
    assert [message["answer"] for message in messages if message["answer"] == 204] == [204, 204]
    assert len({message["id"] for message in messages}) == 2
    assert len(session.history.finishes) == 1


def test_deleted_session_stays_until_its_finish_is_delivered(world: World, hook: Receiver) -> None:
    session = world.session("deleted", bot=QUIET).eventually(phase="Running")
    hook.has(session, "started", tries=1)
    hook.answers(503)
    world.delete(session)
    assert session.finishes()["reason"] == "Deleted"
    world.nothing_is_left(session)
    hook.has(session, "finished", tries=3)
    assert not session.history.is_gone
    hook.answers(204)
    session.goes()
    *failed, last = [message for message in hook.messages(session) if message["id"].endswith("finished")]
    assert {message["answer"] for message in failed} == {503}
    assert (last["answer"], last["event"]["data"]["reason"]) == (204, "Deleted")


def test_expired_session_stays_until_its_finish_is_delivered(world: World, hook: Receiver) -> None:
    hook.fails_first(2)
    session = world.session("expires", bot={"target": "completes.py"}, ttlAfterFinished="0s")
    session.finishes()
    session.goes()
    assert hook.tries(session).count("finished") == 3


def test_receiver_that_wants_no_more_holds_nothing_up(world: World, hook: Receiver) -> None:
    hook.answers(410)
    session = world.session("unwanted", bot={"target": "completes.py"})
    session.finishes()
    session.eventually(webhook={"started": "Gone", "finished": "Gone"})
    assert hook.tries(session) == ["started", "finished"]
    deleted = kubectl("delete", "bs", "unwanted", "-n", world.namespace, f"--timeout={PATIENCE}s")
    assert deleted.returncode == 0, deleted.stderr


@pytest.fixture
def shared(hook: Receiver) -> Iterator[Receiver]:
    """Return a receiver whose secret is what it was when the test is over."""
    yield hook
    hook.shares(SECRET)


def test_secret_is_replaced_while_the_operator_runs_and_a_mistake_loses_nothing(world: World, shared: Receiver) -> None:
    shared.shares("mistyped")
    session = world.session("resigned", bot=QUIET).eventually(phase="Running")
    session.eventually(webhook={"started": "Pending"})
    unsigned = '"the signing secret must hold whsec_'
    wait_until(lambda: unsigned in kubectl("logs", *OPERATOR_PODS, "--tail=-1").stdout, PATIENCE, "told in the log")
    shared.shares(NEWER)
    session.eventually(webhook={"started": "Delivered"})
    assert shared.tries(session) == ["started"], "signed with the newer one"
