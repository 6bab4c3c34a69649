"""Rights: what the chart grants an account, what the account used, and how the two differ."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.manifests import Json


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource; `name` where it holds for one object only."""

    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {resource}{f' {self.name}' if self.name else ''}"

    def covers(self, used: "Right") -> bool:
        """Return whether a request was allowed by this right."""
        same = (self.group, self.resource, self.verb) == (used.group, used.resource, used.verb)
        return same and self.name in ("", used.name)


def granted(objects: Iterable[Json], account: str) -> frozenset[Right]:
    """Return what the roles among these objects grant a ServiceAccount, by their bindings."""
    objects = list(objects)
    roles = {_place(each): each["rules"] for each in objects if each["kind"] in ("Role", "ClusterRole")}
    bindings = (each for each in objects if each["kind"] in ("RoleBinding", "ClusterRoleBinding"))
    found = [roles[_role(each)] for each in bindings if account in _subjects(each)]
    return frozenset(right for rules in found for rule in rules for right in _rights(rule))


def missing(granted: Iterable[Right], used: Iterable[Right]) -> list[str]:
    """Return the rights that were used though nothing grants them."""
    given = list(granted)
    return sorted({str(right) for right in used if not any(each.covers(right) for each in given)})


def unused(granted: Iterable[Right], used: Iterable[Right]) -> list[str]:
    """Return the rights that were granted though nothing used them."""
    seen = list(used)
    return sorted({str(right) for right in granted if not any(right.covers(each) for each in seen)})


def _rights(rule: Json) -> Iterator[Right]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames", ("",)):
                    yield Right(group, resource, verb, name)


def _place(role: Json) -> tuple[str, str, str]:
    return role["kind"], role["metadata"].get("namespace", ""), role["metadata"]["name"]


def _role(binding: Json) -> tuple[str, str, str]:
    kind = binding["roleRef"]["kind"]
    namespace = binding["metadata"]["namespace"] if kind == "Role" else ""
    return kind, namespace, binding["roleRef"]["name"]


def _subjects(binding: Json) -> list[str]:
    return [subject["name"] for subject in binding["subjects"] if subject["kind"] == "ServiceAccount"]
