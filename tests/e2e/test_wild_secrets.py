"""A real Secret, quoted by a bot as libraries quote it: no session, Event or line of the supervisor shows it."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from tests.e2e.world import World, kubectl
from tests.quotations import runs_kept

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

#: Made up: no keys of anybody.
KEY: Final = "pk-live-ALPHA0001BRAVO0002CHARLIE0003DELTA0004ECHO0005FOXTROT0006"
LINES: Final = "MADEUPAAAA1111BBBB2222CCCC3333\nDDDD4444EEEE5555FFFF6666"
PEM: Final = f"-----BEGIN PRIVATE KEY-----\n{LINES}\n-----END PRIVATE KEY-----\n"
SECRETS: Final = {
    "PROVIDER_ACCESS": KEY,
    "SIGNING": PEM,
    "GOOGLE_ACCOUNT": json.dumps({"type": "service_account", "private_key": PEM}),
}
IN_THE_CODE: Final = "sk-proj-0123456789abcdefghij0123456789"


@pytest.fixture
def secret(world: World) -> Iterator[str]:
    literals = [f"--from-literal={name}={value}" for name, value in SECRETS.items()]
    made = kubectl("create", "secret", "generic", "wild", "-n", world.namespace, *literals)
    assert made.returncode == 0, made.stderr
    yield "wild"
    kubectl("delete", "secret", "wild", "-n", world.namespace)


@pytest.mark.parametrize(("how", "where"), [("repr", "raise"), ("lines", "told")])
def test_secret_leaks_nowhere_wherever_it_is_quoted(world: World, secret: str, how: str, where: str) -> None:
    env = [{"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}} for name in SECRETS]
    session = world.session(
        f"quotes-{how.replace(' ', '-')}-{where}",
        bot={"target": "quotes_secrets.py", "body": {"how": how, "where": where}, "env": env},
        podRetention="Always",
    )

    finish = session.finishes()

    assert "[redacted]" in finish["message"]
    assert finish["reason"] == ("BotError" if where == "raise" else "Completed")
    log = kubectl("logs", "-n", session.namespace, session.status["podName"], "-c", "bot", "--tail=-1").stdout
    events = kubectl("get", "events", "-n", session.namespace, "-o", "json").stdout
    own = "\n".join(line for line in log.splitlines() if "botsession: " in line)
    told = json.dumps(session.history.versions) + events + own
    assert [secret for secret in (KEY, LINES, IN_THE_CODE) if runs_kept(told, secret)] == []


def test_one_of_several_bots_in_a_file_runs_behind_its_decorator(world: World) -> None:
    session = world.session("decorated", bot={"target": "callables.py:decorated", "body": {"reason": "bye"}})
    finish = session.finishes()
    assert (finish["reason"], finish["outcome"], finish["message"]) == ("Completed", "Drained", "bye")
