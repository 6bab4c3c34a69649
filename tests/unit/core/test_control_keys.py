"""Which of several control keys the token of a session comes from."""

from typing import Final

import pytest

from botsession_contract.credentials import session_token, token_digest
from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from botsession_operator.core.observe.launch_digest import launch_digest
from tests.builders import raw_spec, session
from tests.manifests import Json

NEW, OLD, OLDER = b"n" * 32, b"o" * 32, b"a" * 32
KEYS: Final = ControlKeys(NEW, (OLD, OLDER))


def spec_of(digest: str, body: Json | None = None) -> Json:
    """Return the spec of the pod of a session that starts with the token of this digest."""
    bot = {**raw_spec()["bot"], "body": body or {}}
    pod: Json = build_pod(session(bot=bot), digest, PodSettings("runtime:1", Injection.IMAGE_VOLUME))
    return dict(pod["spec"])


@pytest.mark.parametrize("key", [NEW, OLD, OLDER], ids=["current", "earlier", "earliest"])
def test_a_running_session_is_talked_to_with_the_key_that_it_started_with(key: bytes) -> None:
    token = session_token(key, "uid-1")
    assert KEYS.token("uid-1", launch_digest(spec_of(token_digest(token)))) == token


def test_a_new_session_starts_with_the_current_key() -> None:
    assert KEYS.token("uid-1") == session_token(NEW, "uid-1")


def test_a_session_whose_key_is_gone_gets_the_current_one() -> None:
    gone = token_digest(session_token(b"g" * 32, "uid-1"))
    assert KEYS.token("uid-1", gone) == session_token(NEW, "uid-1")


def test_what_a_tenant_writes_is_not_taken_for_the_digest() -> None:
    fake = {"tokenSha256": token_digest(session_token(OLD, "uid-1")), "text": f'"tokenSha256": "{"0" * 64}"'}
    real = token_digest(session_token(NEW, "uid-1"))
    assert launch_digest(spec_of(real, fake)) == real


@pytest.mark.parametrize(
    "spec",
    [
        None,
        [],
        {},
        {"containers": None},
        {"containers": [None, {"name": "bot"}]},
        {"containers": [{"name": "bot", "env": {"name": "BOTSESSION_LAUNCH"}}]},
        {"containers": [{"name": "bot", "env": [{"name": "BOTSESSION_LAUNCH", "value": 7}]}]},
        {"containers": [{"name": "bot", "env": [{"name": "BOTSESSION_LAUNCH", "value": '{"tokenSha256": "x"}'}]}]},
        {"containers": [{"name": "bot", "env": [{"name": "BOTSESSION_LAUNCH", "value": "[" * 100_000}]}]},
    ],
)
def test_a_pod_that_says_nothing_has_no_digest(spec: object) -> None:
    assert launch_digest(spec) == ""
