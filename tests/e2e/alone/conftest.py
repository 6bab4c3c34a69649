"""What files of this folder share, so that the operator is installed as rarely as possible."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.receiver import Receiver, receiver
from tests.e2e.world import World, kubectl, make_namespace


@pytest.fixture(scope="session")
def running_receiver(kubeconfig: Path) -> Iterator[Receiver]:
    """Return a webhook's receiver that all tests share."""
    with receiver() as running:
        yield running


@pytest.fixture
def hook(running_receiver: Receiver) -> Receiver:
    """Return the receiver, which takes everything as a test begins."""
    running_receiver.can_be_reached()
    running_receiver.answers(204)
    running_receiver.fails_first(0)
    return running_receiver


@pytest.fixture(scope="session")
def fenced_world(kubeconfig: Path) -> Iterator[World]:
    """Return a namespace that the chart makes its NetworkPolicies for, where the operator is installed so."""
    world = World(make_namespace("fenced"))
    yield world
    world.close()
    kubectl("delete", "namespace", world.namespace, "--wait=false")
