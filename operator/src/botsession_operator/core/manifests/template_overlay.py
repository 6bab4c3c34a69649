"""Rule: what a session's `podTemplate` may change in its pod, and what belongs to the operator.

The CRD refuses most of this at `kubectl apply`, with the same sentences; a test compares the two. This module refuses
all of it again, for sessions that were stored before the CRD had a rule, and for what CEL cannot check.
"""

from collections.abc import Callable, Iterator
from posixpath import normpath
from typing import Any, Final

from botsession_contract.control import CONTROL_PORT
from botsession_contract.launch import RUNTIME_PATH
from botsession_contract.names import BOT_CONTAINER, GROUP
from botsession_operator.api.spec import Json, PodTemplate, SpecError
from botsession_operator.core.names import CONTROL_PORT_NAME

#: The names of the operator's own containers, volumes and mounts begin with this.
OWN_PREFIX: Final = "botsession-"
#: Paths in the bot's container that a mount must not hide: the supervisor, and the file for its report.
OWN_PATHS: Final = (RUNTIME_PATH, "/dev/termination-log")

_RUNS_ONCE: Final = "leave restartPolicy out, a session runs once; create a new BotSession to run the bot again"
_PROCESS_1: Final = "because the supervisor must be process 1 of its container"
_REPORT: Final = "because the operator reads the exit report from there"
_PROBES: Final = "because the operator probes the supervisor"
_TERMINAL: Final = "because a bot has no terminal"
_NAME: Final = f"names that start with {OWN_PREFIX} belong to the operator; choose another name"
_INIT_NAME: Final = f"the names {BOT_CONTAINER} and {OWN_PREFIX}... belong to the operator; choose another name"
_PREFIX: Final = f"that start with {GROUP}/ belong to the operator; choose another prefix"

#: Fields of the pod spec that the operator owns, with the message for each.
POD_FIELDS: Final = {
    "restartPolicy": _RUNS_ONCE,
    "terminationGracePeriodSeconds": (
        "write spec.shutdown.gracePeriod and spec.shutdown.cancelPeriod instead of "
        "terminationGracePeriodSeconds, which follows from them"
    ),
    "activeDeadlineSeconds": "write spec.maxSessionDuration instead of activeDeadlineSeconds",
    "shareProcessNamespace": f"leave shareProcessNamespace out, {_PROCESS_1}",
    "hostPID": f"leave hostPID out, {_PROCESS_1}",
}
#: Fields of the bot's container that the operator owns.
BOT_FIELDS: Final = {
    "image": "write the image in spec.bot.image",
    "command": "write the command line in spec.bot.command",
    "args": "write the command line and its arguments in spec.bot.command",
    "env": "write environment variables in spec.bot.env",
    "envFrom": "write sources of environment variables in spec.bot.envFrom",
    "resources": "write resources in spec.bot.resources",
    "terminationMessagePath": f"leave terminationMessagePath out, {_REPORT}",
    "terminationMessagePolicy": f"leave terminationMessagePolicy out, {_REPORT}",
    "livenessProbe": f"leave livenessProbe out, {_PROBES}",
    "readinessProbe": f"leave readinessProbe out, {_PROBES}",
    "startupProbe": "write spec.startTimeout instead of startupProbe",
    "lifecycle": "write spec.shutdown instead of lifecycle, because the supervisor ends the bot",
    "restartPolicy": _RUNS_ONCE,
    "restartPolicyRules": "leave restartPolicyRules out, a session runs once",
    "stdin": f"leave stdin out, {_TERMINAL}",
    "tty": f"leave tty out, {_TERMINAL}",
}
MOUNT_NAME: Final = f"volumes that start with {OWN_PREFIX} belong to the operator; mount another volume"
MOUNT_PATH: Final = f"leave {RUNTIME_PATH} and /dev/termination-log free, because the supervisor needs them"
PORT_NAME: Final = f"the port name {CONTROL_PORT_NAME} belongs to the operator; choose another name"
PORT_NUMBER: Final = f"port {CONTROL_PORT} belongs to the supervisor; choose another port"


def check_template(template: PodTemplate) -> None:
    """Raise SpecError with a line for each thing in the template that belongs to the operator."""
    if problems := list(dict.fromkeys(_problems(template))):
        raise SpecError("\n".join(problems))


def overlay(base: Any, over: Any) -> Any:
    """Return one manifest merged over another: objects merge, lists of named items merge by name, other lists append.

    As in Kubernetes, null counts as absent.
    """
    if over is None:
        return base
    if isinstance(base, dict) and isinstance(over, dict):
        merged = {key: overlay(base[key], over[key]) for key in base.keys() & over.keys()}
        return {**base, **over, **merged}
    if isinstance(base, list) and isinstance(over, list):
        return _overlay_lists(base, over)
    return over


def _overlay_lists(base: list[Any], over: list[Any]) -> list[Any]:
    changes = {name: item for item in over if (name := _name(item)) is not None}
    known = {name for item in base if (name := _name(item)) is not None}
    kept = [overlay(item, changes[name]) if (name := _name(item)) in changes else item for item in base]
    return kept + [item for item in over if _name(item) not in known]


def _name(item: Any) -> str | None:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None


def _problems(template: PodTemplate) -> Iterator[str]:
    yield from _prefix_problems("metadata.labels", template.labels, f"labels {_PREFIX}")
    yield from _prefix_problems("metadata.annotations", template.annotations, f"annotations {_PREFIX}")
    spec = template.spec.value
    yield from (
        f"spec.podTemplate.spec.{name}: {sentence}" for name, sentence in POD_FIELDS.items() if _is_given(spec, name)
    )
    yield from _item_problems(spec, "volumes", _volume_problems)
    yield from _item_problems(spec, "containers", _container_problems)
    yield from _item_problems(spec, "initContainers", _init_container_problems)


def _prefix_problems(place: str, names: Json, sentence: str) -> Iterator[str]:
    yield from (f"spec.podTemplate.{place}[{name}]: {sentence}" for name in names if name.startswith(f"{GROUP}/"))


def _item_problems(spec: Json, place: str, problems: Callable[[Json], Iterator[tuple[str, str]]]) -> Iterator[str]:
    for index, item in enumerate(_items(spec, place)):
        yield from (f"spec.podTemplate.spec.{place}[{index}]{at}: {sentence}" for at, sentence in problems(item))


def _volume_problems(volume: Json) -> Iterator[tuple[str, str]]:
    if _is_own(volume):
        yield ".name", _NAME


def _container_problems(container: Json) -> Iterator[tuple[str, str]]:
    if _is_own(container):
        yield ".name", _NAME
    if container.get("name") == BOT_CONTAINER:
        yield from ((f".{name}", sentence) for name, sentence in BOT_FIELDS.items() if _is_given(container, name))
        yield from _path_problems(container)
        if any(port.get("name") == CONTROL_PORT_NAME for port in _items(container, "ports")):
            yield ".ports", PORT_NAME
    yield from _shared_problems(container)


def _init_container_problems(container: Json) -> Iterator[tuple[str, str]]:
    if _is_own(container) or container.get("name") == BOT_CONTAINER:
        yield ".name", _INIT_NAME
    yield from _shared_problems(container)


def _shared_problems(container: Json) -> Iterator[tuple[str, str]]:
    """Yield the problems of any container of the pod: the runtime's volume, and the supervisor's port."""
    if any(map(_is_own, (*_items(container, "volumeMounts"), *_items(container, "volumeDevices")))):
        yield ".volumeMounts", MOUNT_NAME
    if any(port.get("containerPort") == CONTROL_PORT for port in _items(container, "ports")):
        yield ".ports", PORT_NUMBER


def _path_problems(container: Json) -> Iterator[tuple[str, str]]:
    mounted = [each.get("mountPath") for each in _items(container, "volumeMounts")]
    devices = [each.get("devicePath") for each in _items(container, "volumeDevices")]
    if any(map(_hides_own_path, (*mounted, *devices))):
        yield ".volumeMounts", MOUNT_PATH


def _hides_own_path(path: Any) -> bool:
    if not isinstance(path, str):
        return False
    clean = normpath("/" + path.lstrip("/"))
    return any(clean == own or clean.startswith(f"{own}/") for own in OWN_PATHS)


def _is_own(item: Json) -> bool:
    return (_name(item) or "").startswith(OWN_PREFIX)


def _is_given(item: Json, name: str) -> bool:
    return item.get(name) is not None


def _items(item: Json, name: str) -> Iterator[Json]:
    """Yield the objects of a list. The API server refuses a pod with anything else in it."""
    found = item.get(name)
    yield from (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()
