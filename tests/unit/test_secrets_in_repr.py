"""No key, token or secret is in what Python shows of an object: a traceback, a log line, an assertion."""

import dataclasses
import gc
import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

import botsession_contract
import botsession_operator
import botsession_runtime
from botsession_operator.core.control_keys import ControlKeys
from tests.fakes import CONTROL_KEYS, World
from tests.unit.operator.lives import names, talk

PACKAGES: Final = (botsession_contract, botsession_operator, botsession_runtime)
#: How a field is called, or of what type it is, that may hold a secret.
SUSPICIOUS: Final = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)

#: Fields that are called so, and hold none.
HARMLESS: Final = {
    "BotTransport.secrets": "references to Secrets, as in a container's env",
    "Deps.control_keys": "ControlKeys shows nothing of itself",
    "Heartbeat.session": "a digest of a digest, which each heartbeat shows",
    "Launch.secret_env": "names of variables",
    "Launch.token_sha256": "a digest, which anyone who may read pods can read",
    "Pod.token_sha256": "a digest, which anyone who may read pods can read",
    "PolledSupervisor.key": "the name of a session",
    "ReceivedHeartbeats.session": "a digest of a digest, which each heartbeat shows",
    "RunFiles.log": "a function that takes bytes",
    "ServerDeps.scrape_cache": "the text of the metrics",
    "Session.key": "the name of a session",
    "SessionIdentity.key": "the name of a session",
    "SessionMetadata.key": "the name of a session",
    "Settings.control_keys": "ControlKeys shows nothing of itself",
    "StartOptions.env_from_secret": "names of Secrets",
    "TransportOptions.token_secret": "the name of a Secret",
    "WebhookSettings.secret_file": "a path",
}


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def suspicious_fields() -> Iterator[str]:
    """Name each field of a dataclass that may hold a secret and is shown."""
    for module in modules():
        for kind in vars(module).values():
            if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__:
                yield from (f"{kind.__name__}.{field.name}" for field in dataclasses.fields(kind) if is_shown(field))


def is_shown(field: "dataclasses.Field[Any]") -> bool:
    return field.repr and bool(SUSPICIOUS.search(field.name) or "bytes" in str(field.type))


def test_what_may_hold_a_secret_is_not_shown() -> None:
    assert sorted({*suspicious_fields()} ^ {*HARMLESS}) == []


def test_keys_show_nothing_of_themselves() -> None:
    assert "k" not in repr(ControlKeys(b"k" * 32, (b"k" * 32,))).replace("ControlKeys", "")


async def test_nothing_that_an_operator_holds_shows_a_key_or_a_token() -> None:
    """Look at every object there is, when an operator has started a session and has talked to its supervisor."""
    world = World()
    world.operator = world.deps()
    await talk(world)
    uid = (world.sessions.get(*names()) or {})["metadata"]["uid"]
    hidden = [CONTROL_KEYS.token(uid), CONTROL_KEYS.current.decode()]
    held = [item for item in gc.get_objects() if str(type(item).__module__).startswith("botsession_")]
    assert any(CONTROL_KEYS.token(uid) == getattr(item, "token", None) for item in held)
    assert [type(item).__name__ for item in held if any(each in shown(item) for each in hidden)] == []


def shown(item: object) -> str:
    """Return what Python shows of an object; nothing of one, of another test, with more digits than Python prints."""
    try:
        return repr(item)
    except ValueError:
        return ""
