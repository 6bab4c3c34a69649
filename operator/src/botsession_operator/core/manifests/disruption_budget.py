"""Build the PodDisruptionBudget that keeps a session's pod from being evicted."""

from botsession_contract.names import SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe.observed import Session
from botsession_operator.core.observe.ownership import owner_reference


def build_budget(session: Session) -> Json:
    """Build the manifest; it bears the pod's name, so that no crash and no twin can make a second one."""
    metadata = {
        "name": pod_name(session.key.name, session.uid),
        "namespace": session.key.namespace,
        "labels": {SESSION_LABEL: session.key.name, "app.kubernetes.io/managed-by": "botsession"},
        "ownerReferences": [owner_reference(session)],
    }
    spec = {
        # Kubernetes takes nothing but a number here for pods whose controller it cannot scale.
        "minAvailable": 1,
        "selector": {"matchLabels": {SESSION_LABEL: session.key.name, SESSION_UID_LABEL: session.uid}},
        # A probe that timed out once makes a pod unready: no reason to hang up on its caller. The usual reason for
        # AlwaysAllow, a broken pod that blocks a drain for ever, is none here: every session ends by its limits.
        "unhealthyPodEvictionPolicy": "IfHealthyBudget",
    }
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}
