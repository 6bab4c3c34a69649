"""The SHA-256 of a pod's token, in its environment, which cannot change once the pod exists."""

import re
from typing import Any, Final

from botsession_contract.launch import LAUNCH_ENV
from botsession_contract.names import BOT_CONTAINER

#: The operator writes the first member of that name. Only names that Kubernetes has validated stand before it.
_DIGEST: Final = re.compile(r'"tokenSha256": ?"([0-9a-f]{64})"')


def launch_digest(pod_spec: Any) -> str:
    """Return the digest of the token that a pod accepts; empty if its spec has none. Never raise.

    The launch document contains up to 120 KiB that a tenant wrote, so this function searches it and does not parse it.
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
