"""The tools that the tests of the documentation ask about command lines."""

import subprocess

import pytest

from tests.docs.blocks import ROOT


@pytest.fixture(scope="session")
def tools() -> None:
    """Have kubectl, helm, kind and promtool in .tools/bin."""
    got = subprocess.run(
        [ROOT / "hack/tools", "kind", "kubectl", "helm", "promtool"], capture_output=True, text=True, check=False
    )
    assert got.returncode == 0, got.stderr
