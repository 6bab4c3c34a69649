"""The fake that the other tests stand on keeps the Cluster port's contract."""

from datetime import timedelta

import pytest

from botsession_operator.api.spec import Json
from botsession_operator.core.session_key import Key
from tests.contract_cluster import ClusterContract
from tests.fake_cluster import FakeClock, FakeCluster


class FakeBackend:
    def __init__(self) -> None:
        self.cluster = FakeCluster(FakeClock().now)

    async def create_session(self, manifest: Json) -> Key:
        name = manifest["metadata"]["name"]
        self.cluster.sessions.create({**manifest, "metadata": {"namespace": "bots", "name": name}})
        return Key("bots", name)

    async def delete_session(self, key: Key) -> None:
        self.cluster.sessions.delete(key.namespace, key.name, timedelta(0))
        self.cluster.sessions.collect(key.namespace, key.name)


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


class TestFakeCluster(ClusterContract):
    pass
