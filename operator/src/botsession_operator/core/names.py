"""Names and values that the operator gives to the objects of a session."""

import hashlib
from typing import Final

CONTROL_PORT_NAME: Final = "control"
#: The name of the port that callers use.
CALL_PORT_NAME: Final = "call"
#: activeDeadlineSeconds of a kept pod after its bot has ended: the kubelet ends the other containers, the object stays.
ENDED_SECONDS: Final = 1
#: A label of the pod of the operator that leads: the Service for pokes selects it.
LEADER_LABEL: Final = "botsession.dev/leader"


def pod_name(name: str, uid: str) -> str:
    """Return the name of a session's pod.

    The name follows from the session, so neither a crash nor a second operator can create a second pod. The UID is part
    of it because the pod of an earlier session of the same name may still be terminating.
    """
    return f"{name[:50].rstrip('.-')}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"
