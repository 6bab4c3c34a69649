"""Bots that turn against their own supervisor, in real pods: each ends in a named finish, and nothing of it is left."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.receiver import Receiver, receiver
from tests.e2e.world import PATIENCE, Json, Session, World, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

#: The bot heeds no SIGTERM, so it is killed.
QUICK: Final = {"gracePeriod": "1s", "cancelPeriod": "2s"}
BY_ITS_SUPERVISOR: Final = ("EndRequested", "NeverStarted", "Runtime")
SECRETS: Final = {"CRM_ACCOUNT": "acme-4711-hush", "PASSPHRASE": "correct horse battery"}


def hostile(world: World, how: str, **spec: object) -> Session:
    return world.session(how, bot={"target": "floods.py", "body": {"how": how}}, shutdown=QUICK, **spec)


def log(session: Session) -> str:
    pod = session.status.get("podName", "")
    return kubectl("logs", "-n", session.namespace, pod, "-c", "bot", "--tail=-1").stdout


def is_at_it(session: Session) -> None:
    """Wait until the bot has begun."""
    session.until(lambda status: "podName" in status, what="has a pod")
    wait_until(lambda: "ready" in log(session).splitlines(), PATIENCE, "at it")


@pytest.mark.parametrize("how", ["lines", "garbage", "noline", "deep", "stacks", "strike", "stop", "name", "signals"])
def test_bot_cannot_keep_its_session(world: World, how: str) -> None:
    session = hostile(world, how)
    is_at_it(session)
    world.edit(session, end="Graceful")
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == BY_ITS_SUPERVISOR
    world.delete(session)
    session.goes()
    world.nothing_is_left(session)


def test_bot_cannot_keep_its_pod_from_a_drain(world: World) -> None:
    session = hostile(world, "noline")
    is_at_it(session)
    world.delete_pod(session)
    finish = session.finishes()
    assert (finish["reason"], finish["reportedBy"]) == ("Evicted", "Runtime")
    world.nothing_is_left(session)


@pytest.mark.parametrize("how", ["times", "names", "types", "result", "orphans", "port"])
def test_whatever_a_bot_says_its_supervisor_reports(world: World, how: str) -> None:
    session = hostile(world, how)
    finish = session.finishes()
    assert (finish["reportedBy"], finish["exitCode"] in (3, 137)) == ("Runtime", True)
    assert "could not build its report" not in finish.get("message", "")
    world.delete(session)
    session.goes()
    world.nothing_is_left(session)


@pytest.fixture(scope="module")
def hook(kubeconfig: Path) -> Iterator[Receiver]:
    with receiver() as running:
        yield running


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
    assert all(value in log(session) for value in SECRETS.values())
