"""The control key is replaced, step by step as docs/operations/rotate-control-key.md says, while a session runs."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.e2e.operators import operator_log, operator_pod
from tests.e2e.release import HELM, have_operator, install_operator
from tests.e2e.world import ROOT, SYSTEM_NAMESPACE, Json, World, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.installs_operator, pytest.mark.timeout(600)]

SECRET: Final = "botsession-operator-control-key"  # a name
QUIET: Final = {"target": "quiet.py"}
NEW: Final = "--set=controlKey.existingSecretKey=control-key-2"
OLD: Final = "--set=controlKey.previousSecretKeys={control-key}"


def keys() -> dict[str, bytes]:
    """Return what the Secret holds."""
    secret: Json = json.loads(kubectl("get", "secret", SECRET, "-n", SYSTEM_NAMESPACE, "-o", "json").stdout)
    return {name: base64.b64decode(value) for name, value in secret["data"].items()}


def keys_after_an_upgrade() -> dict[str, bytes]:
    """Return what the Secret would hold after an upgrade that says nothing of keys."""
    command: list[str | Path] = [HELM, "template", "botsession", ROOT / "charts/botsession-operator"]
    asked = ["--namespace", SYSTEM_NAMESPACE, "--is-upgrade", "--dry-run=server", "--show-only=templates/secret.yaml"]
    made = subprocess.run([*command, *asked], capture_output=True, text=True, check=True)
    return {name: base64.b64decode(value) for name, value in yaml.safe_load(made.stdout)["data"].items()}


def refusals() -> float:
    """Count the requests that supervisors refused for their token."""
    metrics = kubectl("exec", "-n", SYSTEM_NAMESPACE, operator_pod(), "--", "python", "-c", READ).stdout
    lines = [line for line in metrics.splitlines() if 'code="401"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


READ: Final = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8475/metrics').read().decode())"


def test_a_key_is_replaced_while_a_session_runs(world: World) -> None:
    have_operator()
    before = keys()
    assert keys_after_an_upgrade() == before
    old = world.session("old", bot=QUIET).eventually(phase="Running")

    install_operator(NEW, OLD)

    assert keys()["control-key"] == before["control-key"]
    assert keys()["control-key-2"] != before["control-key"]
    new = world.session("new", bot=QUIET).eventually(phase="Running")
    world.edit(old, end="Graceful")
    world.edit(new, end="Graceful")
    for session in (old, new):
        finish = session.finishes()
        assert (finish["reason"], finish["outcome"], finish["reportedBy"]) == ("EndRequested", "Drained", "Runtime")
    assert refusals() == 0

    install_operator(NEW)

    assert keys().keys() == {"control-key-2"}
    last = world.session("last", bot=QUIET).eventually(phase="Running")
    world.edit(last, end="Graceful")
    assert last.finishes()["outcome"] == "Drained"
    assert refusals() == 0
    said = json.dumps(operator_log(operator_pod()))
    assert [name for name, key in keys().items() if key.decode() in said] == []


def test_an_earlier_key_that_is_not_there_is_refused(kubeconfig: Path) -> None:
    command: list[str | Path] = [HELM, "upgrade", "botsession", ROOT / "charts/botsession-operator", "--dry-run=server"]
    asked = ["--namespace", SYSTEM_NAMESPACE, "--set=controlKey.previousSecretKeys={gone}"]
    refused = subprocess.run([*command, *asked], capture_output=True, text=True, check=False)
    assert f"controlKey.previousSecretKeys names gone, which the Secret {SECRET} does not have" in refused.stderr
