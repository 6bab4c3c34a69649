"""Rule: which objects belong to a session. The operator adopts, deletes and releases no others for it.

The controller reference decides. `kubectl delete --cascade=orphan` removes it from everything that a session owns. Then
the name decides, since it follows from the session's UID. A pod's labels must agree in both cases.
"""

from botsession_contract.names import API_VERSION, GROUP, KIND, SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe.observed import Session
from botsession_operator.core.observe.untyped import mapping, mappings, text
from botsession_operator.core.session_key import SessionIdentity, parse_key


def pod_owner(metadata: Json) -> SessionIdentity | None:
    """Return the session that a pod belongs to; None if its labels and its controller do not name the same one.

    The labels alone prove nothing: everyone who may write pods can put them on any pod.
    """
    labels = mapping(metadata.get("labels"))
    key, uid = parse_key(metadata.get("namespace"), labels.get(SESSION_LABEL)), text(labels.get(SESSION_UID_LABEL))
    if key is None or not uid:
        return None
    owner, controller = SessionIdentity(key, uid), _controller(metadata)
    if controller is None:
        return owner if metadata.get("name") == pod_name(key.name, uid) else None
    named = (controller.get("name"), controller.get("uid"))
    return owner if _is_session(controller) and named == (key.name, uid) else None


def owner_reference(session: Session) -> Json:
    """Return the owner reference of an object of this session, so that the object is deleted with the session."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": session.key.name,
        "uid": session.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned_alike(stored: Json, manifest: Json) -> bool:
    """Return whether a stored object has its manifest's owner, or has lost its owner to an orphaning deletion."""
    desired, found = _controller(manifest["metadata"]), _controller(stored["metadata"])
    if found is None:
        return _session_label(stored) == _session_label(manifest)
    return desired is not None and _is_session(found) and found.get("uid") == desired["uid"]


def name_taken(manifest: Json) -> str:
    """Return the message for a session whose object cannot be created because another owner's has its name."""
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    return f"a {kind} named {name} exists and does not belong to this session; the operator leaves it alone"


def _controller(metadata: Json) -> Json | None:
    return next((each for each in mappings(metadata.get("ownerReferences")) if each.get("controller")), None)


def _session_label(raw: Json) -> object:
    return mapping(raw["metadata"].get("labels")).get(SESSION_LABEL)


def _is_session(reference: Json) -> bool:
    return (reference.get("kind"), text(reference.get("apiVersion")).partition("/")[0]) == (KIND, GROUP)
