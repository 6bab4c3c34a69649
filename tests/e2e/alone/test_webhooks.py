"""Who is told of a session's start and end, and when: an operator that posts to a receiver on the cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.operators import OPERATOR_PODS, kill_operator
from tests.e2e.receiver import NEWER, SECRET, Receiver, receiver
from tests.e2e.world import PATIENCE, Json, World, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(600)]

QUIET: Final = {"target": "quiet.py"}
BOOKING: Final = {"booked": True, "note": "grüezi 🌍", "table": None}
HANDS_OVER: Final = {"target": "hands_over.py", "body": {"how": "set", "result": BOOKING}}
SECRETS: Final = {"CRM_ACCOUNT": "acme-4711-hush", "PASSPHRASE": "correct horse battery"}


@pytest.fixture(scope="module")
def hook(kubeconfig: Path) -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _willing(hook: Receiver) -> None:
    """Have the receiver take everything as each test begins."""
    hook.answers(204)
    hook.fails_first(0)


def test_each_event_arrives_signed_though_the_receiver_fails_twice(world: World, hook: Receiver) -> None:
    hook.fails_first(2)
    session = world.session("told", bot=HANDS_OVER)
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


def test_a_whole_secret_leaks_nowhere(world: World, hook: Receiver) -> None:
    literals = [f"--from-literal={name}={value}" for name, value in SECRETS.items()]
    made = kubectl("create", "secret", "generic", "crm", "-n", world.namespace, *literals)
    assert made.returncode == 0, made.stderr
    bot: Json = {"target": "quotes_env.py", "body": {"names": ["MY_CRM_ACCOUNT", "MY_PASSPHRASE", "VOICE"]}}
    sources = {"envFrom": [{"prefix": "MY_", "secretRef": {"name": "crm"}}]}
    env = {"env": [{"name": "VOICE", "value": "sonic-english"}]}
    session = world.session("leaks", bot={**bot, **sources, **env}, podRetention="Always")

    finish = session.finishes()
    session.eventually(webhook={"started": "Delivered", "finished": "Delivered"})

    assert finish["message"] == "used [redacted] and [redacted] and sonic-english"
    assert session.status["result"]["used"] == ["[redacted]", "[redacted]", "sonic-english"]
    events = kubectl("get", "events", "-n", world.namespace, "-o", "json").stdout
    told = json.dumps([session.history.versions, json.loads(events), hook.messages(session)])
    assert all(value not in told for value in SECRETS.values())
    log = kubectl("logs", "-n", world.namespace, session.status["podName"], "-c", "bot", "--tail=-1").stdout
    assert all(value in log for value in SECRETS.values())
