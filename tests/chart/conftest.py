"""The chart, rendered by the real helm."""

import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import yaml_files
from tests.manifests import Json

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/botsession-operator"
HELM = ROOT / ".tools/bin/helm"
TEMPLATE = ("template", "botsession", CHART)


class Rendered(list[Json]):
    """The objects that the chart makes."""

    def of(self, kind: str) -> list[Json]:
        return [item for item in self if item["kind"] == kind]

    def one(self, kind: str) -> Json:
        (found,) = self.of(kind)
        return found

    @property
    def pod(self) -> Json:
        """The spec of the operator's pod."""
        spec: Json = self.one("Deployment")["spec"]["template"]["spec"]
        return spec


Render = Callable[..., Rendered]
Helm = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Run helm; a run that helm refuses is returned, not raised."""
    got = subprocess.run([ROOT / "hack/tools", "helm"], capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stderr

    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def render(helm: Helm) -> Render:
    """Render the chart with these values; `log__level="debug"` is log.level. `has`: a kind that is there."""

    def run(has: str = "v1", **values: Any) -> Rendered:
        given = [f"--set-json={path(name)}={json.dumps(value)}" for name, value in values.items()]
        return Rendered(yaml_files.documents(text(has, *given)))

    @functools.cache
    def text(has: str, *given: str) -> str:
        result = helm(*TEMPLATE, "--namespace=botsession-system", "--api-versions", has, *given)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def path(name: str) -> str:
    return name.replace("__", ".")
