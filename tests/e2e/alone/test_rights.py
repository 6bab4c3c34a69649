"""What the operator asked of the API server in this run, beside what the chart grants it.

These tests come last (tests/e2e/conftest.py), so that they see what all others did. A run of some tests sees less: then
only the first of the two questions can be asked, whether everything that was used is granted.
"""

import json
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.e2e.release import HELM
from tests.e2e.world import SYSTEM_NAMESPACE, Json
from tests.rights import Right, granted, missing, unused

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

OPERATOR: Final = "botsession-operator"
UNINSTALLER: Final = "botsession-operator-uninstall"
CONTROL_PLANE: Final = "botsession-control-plane"
LOGS: Final = "/var/log/kubernetes/audit*.log"

#: Rights that are granted, and that no run uses.
NOT_USED: Final = {
    # OwnerReferencesPermissionEnforcement, which kind does not switch on, asks for it where pods name their session.
    "update botsessions/finalizers.botsession.dev": "only some clusters ask for it",
}
#: Rights that some runs use: sessions are listed in chunks where a streamed list was refused or broke off.
SELDOM_USED: Final = {"list botsessions.botsession.dev"}
#: What the operator was refused where `expose.enabled` and `eviction.enabled` were off (test_modes.py).
REFUSED: Final = {"create poddisruptionbudgets.policy", "create services"}
#: What only an operator may use that is installed with `expose.route`, as the present one is not (test_settings.py).
OF_OTHER_SETTINGS: Final = {"ingresses"}


@cache
def asked(account: str) -> frozenset[tuple[Right, bool]]:
    """Return the rights that a ServiceAccount asked for in the whole run, each with whether it was forbidden."""
    return frozenset((right(entry), is_forbidden(entry)) for entry in requests(account))


def used(account: str) -> set[Right]:
    """Return the rights that an account asked for."""
    return {right for right, _ in asked(account)}


def requests(account: str) -> Iterator[Json]:
    """Yield the requests of a ServiceAccount for resources, as the audit log has them."""
    user = f'"username":"system:serviceaccount:{SYSTEM_NAMESPACE}:{account}"'
    command = ["docker", "exec", CONTROL_PLANE, "sh", "-c", f"grep -hF '{user}' {LOGS}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as log:
        assert log.stdout is not None
        yield from (entry for line in log.stdout if "objectRef" in (entry := json.loads(line)))


def right(entry: Json) -> Right:
    """Return the right that a request needs."""
    about = entry["objectRef"]
    resource = "/".join(each for each in (about["resource"], about.get("subresource")) if each)
    return Right(about.get("apiGroup", ""), resource, entry["verb"], about.get("name", ""))


def is_of_other_settings(used: Right) -> bool:
    """Return whether only an operator with other settings needs a right. Shards have Deployments of other names."""
    return used.resource in OF_OTHER_SETTINGS or "-shard-" in used.name


def is_forbidden(entry: Json) -> bool:
    """Return whether the API server said that the account may not do this; not that a quota or a policy refused it."""
    return bool(entry.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid")


@cache
def installed() -> tuple[Json, ...]:
    """Return the objects of the release, and those that Helm makes to uninstall it."""
    commands = ([HELM, "get", what, "botsession", "--namespace", SYSTEM_NAMESPACE] for what in ("manifest", "hooks"))
    said = [subprocess.run(each, capture_output=True, text=True, check=True).stdout for each in commands]
    return tuple(item for text in said for item in yaml.safe_load_all(text) if item)


def is_whole(items: list[pytest.Item]) -> bool:
    """Return whether every file of these tests takes part in the run."""
    return {*Path(__file__).parents[1].rglob("test_*.py")} <= {item.path for item in items}


def test_the_operator_asked_for_nothing_that_it_may_not_do(kubeconfig: Path) -> None:
    everything = asked(OPERATOR) | asked(UNINSTALLER)
    forbidden = {right for right, is_forbidden in everything if is_forbidden}
    # An operator of a former number of shards may not release its Lease any more (docs/operations/sizing.md).
    assert sorted({str(right) for right in forbidden if "-shard-" not in right.name} - REFUSED) == []


def test_everything_that_was_used_is_granted(kubeconfig: Path) -> None:
    for account in (OPERATOR, UNINSTALLER):
        needed = [each for each in used(account) if not is_of_other_settings(each)]
        assert missing(granted(installed(), account), needed) == []


def test_everything_that_is_granted_was_used(kubeconfig: Path, request: pytest.FixtureRequest) -> None:
    assert used(OPERATOR)
    if is_whole(request.session.items):
        assert {*unused(granted(installed(), OPERATOR), used(OPERATOR))} - SELDOM_USED == {*NOT_USED}


def test_what_uninstalls_uses_what_it_has_beyond_the_operator(kubeconfig: Path, request: pytest.FixtureRequest) -> None:
    beyond = granted(installed(), UNINSTALLER) - granted(installed(), OPERATOR)
    assert {each.resource for each in beyond} == {"deployments/scale", "mutatingadmissionpolicybindings"}
    if is_whole(request.session.items):
        assert unused(beyond, used(UNINSTALLER)) == []
