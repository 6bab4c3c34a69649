"""What a session says reaches its bot as it was written: the kubelet puts no Secret into it."""

from typing import Final

import pytest

from tests.e2e.world import FORCED, PATIENCE, Json, Session, World, kubectl, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TEXT: Final = 'call $(API_KEY) for $$5, $(date) $HOME ^(a|b)$$ "quoted"'
KEY: Final = {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "model", "key": "key"}}}
SECRET: Final = 'sk-"hush"\nhush'


@pytest.fixture(autouse=True)
def _has_a_secret(world: World) -> None:
    made = kubectl("create", "secret", "generic", "model", "-n", world.namespace, f"--from-literal=key={SECRET}")
    assert made.returncode == 0, made.stderr


@pytest.mark.parametrize("how", [{"target": "hands_over.py"}, {"command": ["python3", "/app/hands_over.py"]}])
def test_a_caller_cannot_have_a_secret_put_into_the_body(world: World, how: Json) -> None:
    session = world.session("body", bot={**how, "env": [KEY], "body": {"text": TEXT}})

    assert session.finishes()["reason"] == "Completed"
    assert session.status["result"] == {"text": TEXT}


def test_a_caller_cannot_have_a_secret_spoken(world: World) -> None:
    idle = {"idleTimeout": "10m", "idle": {"prompt": {"after": "1s", "text": f"Prompt {TEXT}"}}}
    shutdown = {**FORCED, "gracePeriod": "1m", "farewell": f"Farewell {TEXT}"}
    bot = {"target": "speaks.py", "env": [KEY], "body": {"client": True}}
    session = world.session("spoken", bot=bot, podRetention="Always", shutdown=shutdown, **idle)
    session.eventually(phase="Running")
    wait_until(lambda: f"said: Prompt {TEXT}" in log(session), PATIENCE, "asked whether the caller is there")

    world.edit(session, end="Graceful")

    assert session.finishes()["outcome"] == "Drained"
    assert f"said: Farewell {TEXT}" in log(session)


def test_a_users_own_variable_keeps_kubernetes_meaning(world: World) -> None:
    env = [KEY, {"name": "GREETING", "value": "$(API_KEY) costs $$5"}]
    command = ["python3", "-c", "import os; print('GREETING', repr(os.environ['GREETING']))"]
    session = world.session("own", bot={"command": command, "env": env}, podRetention="Always")
    session.finishes()

    assert f"GREETING {f'{SECRET} costs $5'!r}" in log(session)


def log(session: Session) -> str:
    return kubectl("logs", "-n", session.namespace, session.status["podName"], "-c", "bot").stdout
