"""Rule: the security context of a session's pod.

A session with nothing special is accepted by Pod Security's level `restricted`. Three of the four things that this
level asks for cost most images nothing, and every pod has them. The fourth, `runAsNonRoot`, keeps an image from
starting whose user is root, so it is written only where the API server insists. A podTemplate overrides each field.
"""

from typing import Any, Final

from botsession_operator.api.spec import Json
from botsession_operator.core.observe.untyped import mapping, mappings

_PROFILE: Final = {"seccompProfile": {"type": "RuntimeDefault"}}
_RESTRICTIONS: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
#: The user of the runtime image.
RUNTIME_USER: Final = 65532
#: What the container that copies the runtime is in any case.
_COPIER_DEFAULTS: Final = {**_RESTRICTIONS, "readOnlyRootFilesystem": True, "runAsNonRoot": True}
#: What it has as the bot has it: what a namespace asks of one container it asks of all.
_COPIED_FIELDS: Final = ("runAsUser", "runAsGroup", "seccompProfile", "seLinuxOptions", "appArmorProfile")
#: How the API server begins when a pod does not meet the level of its namespace; what follows names each field.
_REFUSAL: Final = 'violates PodSecurity "restricted'


def with_security_defaults(pod_spec: Json, container: str) -> Json:
    """Return the pod spec with the defaults where it says nothing, for the pod and for this container."""
    if _is_windows(pod_spec):  # has no such fields
        return pod_spec
    containers = [
        _with_container_defaults(each) if _name(each) == container else each for each in pod_spec["containers"]
    ]
    return {**_with_context(pod_spec, _PROFILE), "containers": containers}


def copier_context(template: Json, container: str) -> Json:
    """Return the security context of the container that copies the runtime, in a pod with this template.

    Where the template says nothing it runs as its image's user, which is not root, or as what the API server makes of
    that. It is never root, though the bot may be.
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
    """Return the pod that a namespace of the level `restricted` accepts; None where that would change nothing."""
    if _REFUSAL not in refusal or "runAsNonRoot != true" not in refusal:
        return None
    spec = _with_context(manifest["spec"], {"runAsNonRoot": True})
    return {**manifest, "spec": spec} if spec != manifest["spec"] else None


def _with_container_defaults(container: Json) -> Json:
    given = container.get("securityContext")
    is_privileged = isinstance(given, dict) and (given.get("privileged") or _adds_sys_admin(given.get("capabilities")))
    # The API server refuses a container that is privileged and may not escalate.
    restrictions = {name: value for name, value in _RESTRICTIONS.items() if not is_privileged}
    return _with_context(container, restrictions)


def _adds_sys_admin(capabilities: Any) -> bool:
    added = capabilities.get("add") if isinstance(capabilities, dict) else None
    return isinstance(added, list) and any(name in ("SYS_ADMIN", "CAP_SYS_ADMIN") for name in added)


def _with_context(item: Json, defaults: Json) -> Json:
    given = item.get("securityContext") or {}
    if not isinstance(given, dict):  # the API server says what is wrong with it
        return item
    explicit = {name: value for name, value in given.items() if value is not None}
    return {**item, "securityContext": {**defaults, **explicit}}


def _context(item: Json) -> Json:
    return mapping(item.get("securityContext"))


def _is_windows(pod_spec: Json) -> bool:
    system = pod_spec.get("os")
    return isinstance(system, dict) and system.get("name") == "windows"


def _name(container: Any) -> Any:
    return container.get("name") if isinstance(container, dict) else None
