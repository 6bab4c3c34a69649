"""Rule: which objects belong to a session. No other is adopted, deleted or released in its name.

The controller reference decides. `kubectl delete --cascade=orphan` takes it off all that a session owns; then the name
decides, which is derived from the session's UID. A pod's labels must agree with it.
"""

from botsession_contract.names import API_VERSION, GROUP, KIND, SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe.observed import Session
from botsession_operator.core.observe.untyped import mapping, mappings, text
from botsession_operator.core.session_key import SessionIdentity, parse_key


def pod_owner(metadata: Json) -> SessionIdentity | None:
    """Return the session that a pod belongs to; None where its labels and its controller name different ones, or none.

    The labels alone are no proof: whoever may write pods may write them on any pod.
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
    """Return the reference that names the session as the owner of what is made for it: it goes with its session."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": session.key.name,
        "uid": session.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned_alike(stored: Json, manifest: Json) -> bool:
    """Return whether a stored object has the owner that its manifest names, or lost it to an orphaning deletion."""
    desired, found = _controller(manifest["metadata"]), _controller(stored["metadata"])
    if found is None:
        return _session_label(stored) == _session_label(manifest)
    return desired is not None and _is_session(found) and found.get("uid") == desired["uid"]


def name_taken(manifest: Json) -> str:
    """Return the sentence for the user of a session whose object's name another owner has."""
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    return f"a {kind} named {name} exists and does not belong to this session; the operator leaves it alone"


def _controller(metadata: Json) -> Json | None:
    return next((each for each in mappings(metadata.get("ownerReferences")) if each.get("controller")), None)


def _session_label(raw: Json) -> object:
    return mapping(raw["metadata"].get("labels")).get(SESSION_LABEL)


def _is_session(reference: Json) -> bool:
    return (reference.get("kind"), text(reference.get("apiVersion")).partition("/")[0]) == (KIND, GROUP)
