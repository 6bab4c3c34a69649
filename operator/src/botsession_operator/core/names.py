"""The names of what the operator makes for a session, and the marks that it leaves there."""

import hashlib
from typing import Final

CONTROL_PORT_NAME: Final = "control"
#: The name of the port that callers use.
CALL_PORT_NAME: Final = "call"
#: A kept pod's activeDeadlineSeconds once its bot is over: the kubelet ends what else runs, and the object stays.
ENDED_SECONDS: Final = 1


def pod_name(name: str, uid: str) -> str:
    """Derive the pod's name from the session, so that no crash and no twin can make a second pod.

    The UID tells a session from an earlier one of the same name, whose pod may still be leaving.
    """
    return f"{name[:50].rstrip('.-')}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"
