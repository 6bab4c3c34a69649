"""Rule: the security context of a session's pod.

Pod Security's level `restricted` accepts an ordinary session. Three of the four fields that this level requires cost
most images nothing, so every pod gets them. The fourth, `runAsNonRoot`, stops images that run as root, so a pod only
gets it if the API server insists. A podTemplate overrides each field.
"""

from typing import Any, Final

from botsession_operator.api.spec import Json
from botsession_operator.core.observe.untyped import mapping, mappings

_PROFILE: Final = {"seccompProfile": {"type": "RuntimeDefault"}}
_RESTRICTIONS: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
#: The user of the runtime image.
RUNTIME_USER: Final = 65532
#: The security context of the container that copies the runtime.
_COPIER_DEFAULTS: Final = {**_RESTRICTIONS, "readOnlyRootFilesystem": True, "runAsNonRoot": True}
#: Fields that it copies from the bot's container: what a namespace requires of one container it requires of all.
_COPIED_FIELDS: Final = ("runAsUser", "runAsGroup", "seccompProfile", "seLinuxOptions", "appArmorProfile")
#: How the API server's refusal begins if a pod does not meet the level of its namespace. The fields follow.
_REFUSAL: Final = 'violates PodSecurity "restricted'


def with_security_defaults(pod_spec: Json, container: str) -> Json:
    """Return the pod spec with defaults for the fields that it leaves out, of the pod and of this container."""
    if _is_windows(pod_spec):  # has no such fields
        return pod_spec
    containers = [
        _with_container_defaults(each) if _name(each) == container else each for each in pod_spec["containers"]
    ]
    return {**_with_context(pod_spec, _PROFILE), "containers": containers}


def copier_context(template: Json, container: str) -> Json:
    """Return the security context of the container that copies the runtime, in a pod with this template.

    If the template sets no user, the container runs as its image's user, which is not root, or as the user that the API
    server sets. It never runs as root, even if the bot does.
    """
    pod_context, bot_context = _context(template), {}
    for each in mappings(template.get("containers")):
        if _name(each) == container:
            bot_context = _context(each)
    copied = {name: bot_context[name] for name in _COPIED_FIELDS if bot_context.get(name) is not None}
    if copied.get("runAsUser", pod_context.get("runAsUser")) == 0:
        copied |= {"runAsUser": RUNTIME_USER, "runAsGroup": RUNTIME_USER}
    return {**_COPIER_DEFAULTS, **copied}


def as_non_root(manifest: Json, refusal: str) -> Json | None:
    """Return the pod with runAsNonRoot, as a namespace of level `restricted` requires; None if it has that already."""
    if _REFUSAL not in refusal or "runAsNonRoot != true" not in refusal:
        return None
    spec = _with_context(manifest["spec"], {"runAsNonRoot": True})
    return {**manifest, "spec": spec} if spec != manifest["spec"] else None


def _with_container_defaults(container: Json) -> Json:
    configured = container.get("securityContext")
    is_privileged = isinstance(configured, dict) and (
        configured.get("privileged") or _adds_sys_admin(configured.get("capabilities"))
    )
    # The API server refuses a privileged container that may not escalate its privileges.
    restrictions = {name: value for name, value in _RESTRICTIONS.items() if not is_privileged}
    return _with_context(container, restrictions)


def _adds_sys_admin(capabilities: Any) -> bool:
    added = capabilities.get("add") if isinstance(capabilities, dict) else None
    return isinstance(added, list) and any(name in ("SYS_ADMIN", "CAP_SYS_ADMIN") for name in added)


def _with_context(item: Json, defaults: Json) -> Json:
    configured = item.get("securityContext") or {}
    if not isinstance(configured, dict):  # the API server says what is wrong with it
        return item
    explicit = {name: value for name, value in configured.items() if value is not None}
    return {**item, "securityContext": {**defaults, **explicit}}


def _context(item: Json) -> Json:
    return mapping(item.get("securityContext"))


def _is_windows(pod_spec: Json) -> bool:
    system = pod_spec.get("os")
    return isinstance(system, dict) and system.get("name") == "windows"


def _name(container: Any) -> Any:
    return container.get("name") if isinstance(container, dict) else None
