"""Which of a bot's variables hold what came out of Secrets."""

import pytest

from botsession_operator.api.spec import Json
from botsession_operator.core.manifests.secret_env import open_names, secret_names

KEY: Json = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}}
VOICE: Json = {"name": "VOICE", "value": "alloy"}
WHOLE: Json = {"secretRef": {"name": "keys"}}
PLAIN: Json = {"configMapRef": {"name": "settings"}}


def refers(name: str, to: str) -> Json:
    return {"name": name, "value": f"a $({to}) b"}


@pytest.mark.parametrize(
    ("env", "env_from", "secret", "in_the_open"),
    [
        pytest.param([], [], (), None, id="nothing"),
        pytest.param([KEY, VOICE], [], ("KEY",), None, id="by reference to a key"),
        pytest.param([KEY, refers("DSN", "KEY")], [], ("KEY", "DSN"), None, id="by a value that refers to it"),
        pytest.param([KEY, refers("A", "KEY"), refers("B", "A")], [], ("KEY", "A", "B"), None, id="by one that does"),
        pytest.param([VOICE, refers("TEXT", "VOICE")], [], (), None, id="not by a value that refers to another"),
        pytest.param([VOICE], [PLAIN], (), None, id="not by a config map"),
        pytest.param([VOICE, KEY], [WHOLE], ("KEY",), ("VOICE",), id="a whole Secret"),
        pytest.param([VOICE], [PLAIN, {**WHOLE, "prefix": "DB_"}], (), ("VOICE",), id="a whole Secret with a prefix"),
        pytest.param([refers("DSN", "DB")], [WHOLE], ("DSN",), (), id="what may refer into a whole Secret"),
        pytest.param([VOICE, refers("T", "VOICE")], [WHOLE], (), ("VOICE", "T"), id="what cannot refer into it"),
    ],
)
def test_variables(
    env: list[Json], env_from: list[Json], secret: tuple[str, ...], in_the_open: tuple[str, ...] | None
) -> None:
    assert (secret_names(env, env_from), open_names(env, env_from)) == (secret, in_the_open)
