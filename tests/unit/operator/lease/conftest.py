"""What tests of the Lease need: its server, a client of it, and a clock."""

from collections.abc import AsyncIterator

import pytest
from kubernetes.aio import client

from tests.lease_server import LeaseServer, connect, lease_server
from tests.unit.operator.lease.elections import Time


@pytest.fixture
async def server() -> AsyncIterator[LeaseServer]:
    async with lease_server() as server:
        yield server


@pytest.fixture
async def connected(server: LeaseServer) -> AsyncIterator[client.ApiClient]:
    async with connect(server.url) as connected:
        yield connected


@pytest.fixture
def time() -> Time:
    return Time()
