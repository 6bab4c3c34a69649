"""Build the PodDisruptionBudget that keeps a session's pod from being evicted."""

from botsession_contract.names import SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe.observed import Session
from botsession_operator.core.observe.ownership import owner_reference


def build_budget(session: Session) -> Json:
    """Return the manifest. It has the pod's name, so neither a crash nor a second operator creates a second budget."""
    metadata = {
        "name": pod_name(session.key.name, session.uid),
        "namespace": session.key.namespace,
        "labels": {SESSION_LABEL: session.key.name, "app.kubernetes.io/managed-by": "botsession"},
        "ownerReferences": [owner_reference(session)],
    }
    spec = {
        # Kubernetes accepts only a number here for pods whose controller has no scale subresource.
        "minAvailable": 1,
        "selector": {"matchLabels": {SESSION_LABEL: session.key.name, SESSION_UID_LABEL: session.uid}},
        # One probe that times out makes a pod unready, and must not cost its caller the call. AlwaysAllow exists for
        # broken pods that block a drain forever, but the limits of a session end every pod.
        "unhealthyPodEvictionPolicy": "IfHealthyBudget",
    }
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}
