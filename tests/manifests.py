"""Manifests that tests share: the smallest BotSession, and changes to it."""

import copy
from typing import Any, NamedTuple

Json = dict[str, Any]


class Refusal(NamedTuple):
    """A manifest that is refused: the field that is named, and the words that say what to do."""

    id: str
    manifest: Json
    path: str
    sentence: str


def session(**changes: Any) -> Json:
    """Return the smallest BotSession; `spec__bot__image="x"` sets a field, `...` in place of a value leaves it out."""
    manifest: Json = {
        "apiVersion": "botsession.dev/v1alpha1",
        "kind": "BotSession",
        "metadata": {"name": "parrot"},
        "spec": {"bot": {"image": "parrot:1", "target": "bot.py"}},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = manifest
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is ...:
            del place[last]
        else:
            place[last] = copy.deepcopy(value)
    return manifest


def bot_container(**fields: Any) -> Json:
    """Return a session whose pod template lays these fields over the bot's container."""
    return session(spec__podTemplate__spec__containers=[{"name": "bot", **fields}])


def pod_spec(**fields: Any) -> Json:
    """Return a session whose pod template has these fields in its pod spec."""
    return session(spec__podTemplate__spec=fields)
