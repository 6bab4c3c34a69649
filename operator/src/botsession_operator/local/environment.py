"""The environment variables of a bot on this machine, as a kubelet would set them.

The fields of the pod and its resources are known here. The values of Secrets and ConfigMaps are not: they come from the
variable of the same name in the shell's environment.
"""

import math
import os
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from botsession_contract.names import BOT_CONTAINER
from botsession_contract.text import one_line
from botsession_operator.api import reasons
from botsession_operator.api.spec import Json
from botsession_operator.core.manifests.kubelet_expansion import expand
from botsession_operator.core.observe.untyped import mapping, mappings, text
from botsession_operator.errors import PodRefused

_KINDS: Final = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}
_LOOPBACK: Final = "127.0.0.1"
_HUGE_PAGES: Final = "hugepages-"
#: The names that both a process and a kubelet accept.
_NAME: Final = re.compile(r"[ -<>-~]+")
_KEYED: Final = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([-+]?\d{1,3}))?")
_UNITS: Final = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def environment(pod: Json, shell: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the bot's container; raise PodRefused with a sentence for each that has no value here.

    In a value, `$(NAME)` stands for a variable before it, as in a cluster.
    """
    container = next(each for each in pod["spec"]["containers"] if each["name"] == BOT_CONTAINER)
    variables: dict[str, str] = {}
    problems: list[str] = []
    for each in container["env"]:
        name = each["name"]
        if not _NAME.fullmatch(name):
            problems.append(f"env {one_line(name)}: a variable's name has printable ASCII characters only, and no =")
            continue
        if "valueFrom" not in each:
            variables[name] = expand(str(each.get("value", "")), variables)
            if "\0" in variables[name]:
                problems.append(f"env {name}: no variable can have a value with the character \\x00 in it")
            continue
        value, problem = _value(name, each["valueFrom"], pod, container, shell)
        if value is not None:
            variables[name] = value
        elif problem:
            problems.append(problem)
    if problems:
        raise PodRefused(reasons.CREATE_CONTAINER_CONFIG_ERROR, "\n".join(problems))
    return variables


def _value(
    name: str, source: Json, pod: Json, container: Json, shell: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Return a variable's value; or None and, unless it may be missing, a sentence that says what to do."""
    if "fieldRef" in source:
        path = text(mapping(source["fieldRef"]).get("fieldPath"))
        value = _field(path, pod)
        return value, None if value is not None else f"env {name}: a pod has no field {path} that a variable can have"
    if "resourceFieldRef" in source:
        return _resource(name, mapping(source["resourceFieldRef"]), pod, container)
    kind = next(kind for kind in _KINDS if kind in source)
    ref = mapping(source[kind])
    if name in shell:
        return shell[name], None
    if ref.get("optional") is True:
        return None, None
    asked = f"{_KINDS[kind]} {ref.get('name')}, key {ref.get('key')}"
    return None, f"env {name}: there are no {_KINDS[kind]}s here ({asked}); set {name} in your environment instead"


def _field(path: str, pod: Json) -> str | None:
    """Return a field of the pod, as the downward API does."""
    metadata, spec = mapping(pod.get("metadata")), mapping(pod.get("spec"))
    if keyed := _KEYED.fullmatch(path):
        return text(mapping(metadata.get(keyed[1])).get(keyed[2]))
    name = text(metadata.get("name"))
    fields = {
        "metadata.name": name,
        "metadata.namespace": text(metadata.get("namespace")),
        "metadata.uid": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        "spec.nodeName": os.uname().nodename,
        "spec.host": os.uname().nodename,  # the field's name in the first versions of Kubernetes, which still works
        "spec.serviceAccountName": text(spec.get("serviceAccountName")) or "default",
    }
    addresses = dict.fromkeys(("status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs"), _LOOPBACK)
    return (fields | addresses).get(path)


def _resource(name: str, ref: Json, pod: Json, bot: Json) -> tuple[str | None, str | None]:
    """Return the amount of a resource, of the bot's container or of the container that the reference names."""
    asked = text(ref.get("containerName"))
    container = _container(pod, asked) if asked else bot
    if container is None:
        return None, f"env {name}: container {one_line(asked)} not found"
    amount = _amount(container, text(ref.get("resource")), has_machine=not _is_init(pod, container))
    if amount is None:
        return None, f"env {name}: the amount of {ref.get('resource')} is not known here"
    return str(math.ceil(amount / (_quantity(ref.get("divisor", "1")) or Decimal(1)))), None


def _container(pod: Json, name: str) -> Json | None:
    """Return a container or an init container of the pod, in the order in which the kubelet looks for them."""
    containers = (*mappings(mapping(pod.get("spec")).get("containers")), *_init_containers(pod))
    return next((each for each in containers if each.get("name") == name), None)


def _init_containers(pod: Json) -> list[Json]:
    return mappings(mapping(pod.get("spec")).get("initContainers"))


def _is_init(pod: Json, container: Json) -> bool:
    return any(each is container for each in _init_containers(pod))


def _amount(container: Json, asked: str, *, has_machine: bool) -> Decimal | None:
    """Return a limit or a request of a container; a missing request is the limit.

    A missing limit is all that the machine has. For an init container the kubelet takes 0 instead.
    """
    which, _, resource = asked.partition(".")
    if which not in ("limits", "requests"):
        return None
    resources = mapping(container.get("resources"))
    limit = mapping(resources.get("limits")).get(resource)
    given = limit if which == "limits" else mapping(resources.get("requests")).get(resource, limit)
    if given is not None:
        return _quantity(given)
    if resource.startswith(_HUGE_PAGES):
        return Decimal(0)
    machine = _machine(resource)
    return machine if machine is None or (which == "limits" and has_machine) else Decimal(0)


def _machine(resource: str) -> Decimal | None:
    if resource == "cpu":
        return Decimal(os.cpu_count() or 1)
    if resource == "memory":
        return Decimal(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if resource == "ephemeral-storage":
        disk = os.statvfs("/")
        return Decimal(disk.f_frsize * disk.f_blocks)
    return None


def _quantity(value: Any) -> Decimal | None:
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    number, unit, exponent = Decimal(found[1]), found[2] or "", int(found[3] or 0)
    return number * 2 ** _BINARY[unit] if unit in _BINARY else number.scaleb(_UNITS.get(unit, exponent))
