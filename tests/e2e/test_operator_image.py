"""The operator's image has the packages of the operator's lock, and no others."""

import json
import subprocess
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from hack.supply.locks import pins
from tests.programs import OPERATOR

pytestmark = pytest.mark.cluster

IMAGE = "botsession/operator:dev"
LIST = """
import importlib.metadata, json
print(json.dumps({each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}))
"""


def in_image(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in the image."""
    command = ["docker", "run", "--rm", "--network=none", "--entrypoint=python3", IMAGE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_operators_image_has_what_its_lock_pins_and_nothing_else(kubeconfig: Path) -> None:
    done = in_image("-c", LIST)
    assert done.returncode == 0, done.stderr
    installed = {canonicalize_name(name): version for name, version in json.loads(done.stdout).items()}
    assert installed == {pin.name: pin.version for pin in pins(OPERATOR.lock)}
