"""The SHA-256 of a pod's token, in its environment, which cannot change once the pod exists."""

import re
from typing import Any, Final

from botsession_contract.launch import LAUNCH_ENV
from botsession_contract.names import BOT_CONTAINER

#: The first member of that name is the operator's: before it stand only names that Kubernetes has checked.
_DIGEST: Final = re.compile(r'"tokenSha256": ?"([0-9a-f]{64})"')


def launch_digest(pod_spec: Any) -> str:
    """Return the digest of the token that a pod takes, empty where its spec says none. Never raise.

    The launch document holds what a tenant wrote, up to its bound, so it is searched, and not read.
    """
    launches = [
        variable.get("value")
        for container in _dicts(pod_spec, "containers")
        if container.get("name") == BOT_CONTAINER
        for variable in _dicts(container, "env")
        if variable.get("name") == LAUNCH_ENV
    ]
    found = _DIGEST.search(launches[-1]) if launches and isinstance(launches[-1], str) else None
    return found[1] if found else ""


def _dicts(parent: Any, name: str) -> list[dict[str, Any]]:
    items = parent.get(name) if isinstance(parent, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
