"""The environment of a bot on this machine: what a kubelet would put into it, as far as one can know that here.

A field of the pod and its resources are known. Values out of Secrets and ConfigMaps are not: they come from the
variable of the same name in this shell's environment.
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
from botsession_operator.api.spec import Json
from botsession_operator.core.expansion import expand
from botsession_operator.core.untyped import mapping, text
from botsession_operator.errors import PodRefused

_KINDS: Final = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}
_HERE: Final = "127.0.0.1"
#: What a process may be given, and a kubelet takes.
_NAME: Final = re.compile(r"[ -<>-~]+")
_KEYED: Final = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([-+]?\d{1,3}))?")
_UNITS: Final = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def environment(pod: Json, shell: Mapping[str, str]) -> dict[str, str]:
    """Return what the bot's container is given; raise PodRefused with a sentence for each variable that cannot be.

    In a value, `$(NAME)` stands for a variable before it, as in a cluster.
    """
    container = next(each for each in pod["spec"]["containers"] if each["name"] == BOT_CONTAINER)
    known: dict[str, str] = {}
    lacking: list[str] = []
    for each in container["env"]:
        name = each["name"]
        if not _NAME.fullmatch(name):
            lacking.append(f"env {one_line(name)}: a variable's name has printable ASCII characters only, and no =")
            continue
        if "valueFrom" not in each:
            known[name] = expand(str(each.get("value", "")), known)
            if "\0" in known[name]:
                lacking.append(f"env {name}: no variable can have a value with the character \\x00 in it")
            continue
        value, trouble = _value(name, each["valueFrom"], pod, container, shell)
        if value is not None:
            known[name] = value
        elif trouble:
            lacking.append(trouble)
    if lacking:
        raise PodRefused("CreateContainerConfigError", "\n".join(lacking))
    return known


def _value(
    name: str, source: Json, pod: Json, container: Json, shell: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Return a variable's value; or None and, unless it may be missing, a sentence that says what to do."""
    if "fieldRef" in source:
        path = text(mapping(source["fieldRef"]).get("fieldPath"))
        value = _field(path, pod)
        return value, None if value is not None else f"env {name}: a pod has no field {path} that a variable can have"
    if "resourceFieldRef" in source:
        return _resource(name, mapping(source["resourceFieldRef"]), container)
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
        "spec.serviceAccountName": text(spec.get("serviceAccountName")) or "default",
    }
    addresses = dict.fromkeys(("status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs"), _HERE)
    return (fields | addresses).get(path)


def _resource(name: str, ref: Json, container: Json) -> tuple[str | None, str | None]:
    """Return an amount in units of the divisor, rounded up. Where there is no limit, it is all that the machine has."""
    asked, divisor = text(ref.get("resource")), _quantity(ref.get("divisor", "1")) or Decimal(1)
    which, _, resource = asked.partition(".")
    resources = mapping(container.get("resources"))
    given = mapping(resources.get(which)).get(resource, mapping(resources.get("limits")).get(resource))
    amount = _machine(resource) if given is None else _quantity(given)
    if which not in ("limits", "requests") or amount is None:
        return None, f"env {name}: the amount of {asked} is not known here"
    if given is None and which == "requests":
        amount = Decimal(0)
    return str(math.ceil(amount / divisor)), None


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
