"""Who is told of a session's start and end, and when: an operator that posts to a receiver on the cluster.

The sessions of most tests start at once, and the receiver answers each as its test wants it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.e2e.operators import OPERATOR_PODS, kill_operator
from tests.e2e.receiver import NEWER, SECRET, Receiver
from tests.e2e.world import (
    PATIENCE,
    Json,
    Session,
    World,
    kubectl,
    make_namespace,
    wait_until,
)

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(600)]

QUIET: Final = {"target": "quiet.py"}
COMPLETES: Final = {"target": "completes.py"}
BOOKING: Final = {"booked": True, "note": "grüezi 🌍", "table": None}
HANDS_OVER: Final = {"target": "hands_over.py", "body": {"how": "set", "result": BOOKING}}
SECRETS: Final = {"CRM_ACCOUNT": "acme-4711-hush", "PASSPHRASE": "correct horse battery"}
QUOTES: Final[Json] = {
    "target": "quotes_env.py",
    "body": {"names": ["MY_CRM_ACCOUNT", "MY_PASSPHRASE", "VOICE"]},
    "envFrom": [{"prefix": "MY_", "secretRef": {"name": "crm"}}],
    "env": [{"name": "VOICE", "value": "sonic-english"}],
}


@dataclass
class Told:
    """The sessions, by name, and their receiver."""

    world: World
    hook: Receiver
    sessions: dict[str, Session]

    def subject(self, name: str) -> str:
        """Return how messages name a session."""
        return f"{self.world.namespace}/{name}"


@pytest.fixture(scope="module")
def told(running_receiver: Receiver) -> Iterator[Told]:
    running_receiver.is_told()
    world = World(make_namespace("e2e"))
    told = Told(world, running_receiver, {})
    for name in ("told", "expires"):
        running_receiver.fails_first(2, told.subject(name))
    running_receiver.answers(410, told.subject("unwanted"))
    literals = [f"--from-literal={name}={value}" for name, value in SECRETS.items()]
    made = kubectl("create", "secret", "generic", "crm", "-n", world.namespace, *literals)
    assert made.returncode == 0, made.stderr
    told.sessions |= {
        "told": world.session("told", bot=HANDS_OVER),
        "expires": world.session("expires", bot=COMPLETES, ttlAfterFinished="0s"),
        "unwanted": world.session("unwanted", bot=COMPLETES),
        "leaks": world.session("leaks", bot=QUOTES, podRetention="Always"),
        "deleted": world.session("deleted", bot=QUIET),
        "outlives": world.session("outlives", bot=QUIET),
    }
    yield told
    world.close()
    kubectl("delete", "namespace", world.namespace, "--wait=false")


def test_each_event_arrives_signed_though_the_receiver_fails_twice(told: Told) -> None:
    session = told.sessions["told"]
    finish = session.finishes()
    session.eventually(webhook={"started": "Delivered", "finished": "Delivered"})
    uid = session.history.last["metadata"]["uid"]
    messages = told.hook.messages(session)
    for event in ("started", "finished"):
        tries = [message for message in messages if message["id"] == f"{uid}.{event}"]
        assert [message["answer"] for message in tries] == [503, 503, 204]
        assert all(message["event"] == tries[0]["event"] for message in tries)
        assert tries[0]["event"]["id"] == f"{uid}.{event}"
    assert len(messages) == 6
    # Not the last of all: each is tried again in its own time, and either may be taken first.
    *_, last = (message["event"] for message in messages if message["id"] == f"{uid}.finished")
    data = last["data"]
    copied = {"reason", "outcome", "frame", "exitCode"}
    assert {name: data[name] for name in copied} == {name: finish[name] for name in copied}
    assert (data["result"], data["finishedAt"]) == (session.status["result"], session.status["finishedAt"])
    assert last["subject"] == told.subject("told")


def test_expired_session_stays_until_its_finish_is_delivered(told: Told) -> None:
    session = told.sessions["expires"]
    session.finishes()
    session.goes()
    assert told.hook.tries(session).count("finished") == 3


def test_receiver_that_wants_no_more_holds_nothing_up(told: Told) -> None:
    session = told.sessions["unwanted"]
    session.finishes()
    session.eventually(webhook={"started": "Gone", "finished": "Gone"})
    assert told.hook.tries(session) == ["started", "finished"]
    deleted = kubectl("delete", "bs", "unwanted", "-n", told.world.namespace, f"--timeout={PATIENCE}s")
    assert deleted.returncode == 0, deleted.stderr


def test_a_whole_secret_leaks_nowhere(told: Told) -> None:
    session = told.sessions["leaks"]
    finish = session.finishes()
    session.eventually(webhook={"started": "Delivered", "finished": "Delivered"})

    assert finish["message"] == "used [redacted] and [redacted] and sonic-english"
    assert session.status["result"]["used"] == ["[redacted]", "[redacted]", "sonic-english"]
    events = kubectl("get", "events", "-n", session.namespace, "-o", "json").stdout
    everything = json.dumps([session.history.versions, json.loads(events), told.hook.messages(session)])
    assert all(value not in everything for value in SECRETS.values())
    log = kubectl("logs", "-n", session.namespace, session.status["podName"], "-c", "bot", "--tail=-1").stdout
    assert all(value in log for value in SECRETS.values())


def test_deleted_session_stays_until_its_finish_is_delivered(told: Told) -> None:
    session = told.sessions["deleted"].eventually(phase="Running")
    told.hook.has(session, "started", tries=1)
    told.hook.answers(503, told.subject("deleted"))
    told.world.delete(session)
    assert session.finishes()["reason"] == "Deleted"
    told.world.nothing_is_left(session)
    told.hook.has(session, "finished", tries=3)
    assert not session.history.is_gone
    told.hook.answers(204, told.subject("deleted"))
    session.goes()
    *failed, last = [message for message in told.hook.messages(session) if message["id"].endswith("finished")]
    assert {message["answer"] for message in failed} == {503}
    assert (last["answer"], last["event"]["data"]["reason"]) == (204, "Deleted")


def test_operator_that_dies_before_a_delivery_loses_no_event(told: Told) -> None:
    session = told.sessions["outlives"].eventually(phase="Running")
    session.until(lambda status: status.get("webhook") == {"started": "Delivered"})
    told.hook.answers(503, told.subject("outlives"))
    told.world.edit(session, end="Graceful")
    session.finishes()
    told.hook.has(session, "finished", tries=2)
    kill_operator()
    told.hook.answers(204, told.subject("outlives"))
    session.eventually(webhook={"started": "Delivered", "finished": "Delivered"})
    messages = told.hook.messages(session)
    assert [message["answer"] for message in messages if message["answer"] == 204] == [204, 204]
    assert len({message["id"] for message in messages}) == 2
    assert len(session.history.finishes) == 1


@pytest.fixture
def shared(hook: Receiver) -> Iterator[Receiver]:
    """Return a receiver whose secret is what it was when the test is over."""
    hook.is_told()
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
