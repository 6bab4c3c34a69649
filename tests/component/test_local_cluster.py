"""The local backend keeps the Cluster port's contract. Its supervisors are stand-ins: processes that wait."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from botsession_operator.api.spec import Json
from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.observe.observed import Key, PodState
from botsession_operator.errors import PodRefused
from botsession_operator.local.cluster import LocalCluster
from botsession_operator.local.supervisor_process import RunFiles
from tests.contract_cluster import ClusterContract
from tests.contract_objects import eventually, manifest, read, read_pod, session_manifest

STAND_IN = "#!/bin/sh\nexec sleep 600\n"
#: Ignores SIGTERM, as a supervisor that hangs would.
DEAF_STAND_IN = "#!/bin/sh\ntrap '' TERM\ntouch deaf\nwhile :; do sleep 0.1; done\n"


class LocalBackend:
    def __init__(self, folder: Path, stand_in: str = STAND_IN) -> None:
        python = folder / "python"
        python.write_text(stand_in)
        python.chmod(0o755)
        self.changed: list[Key] = []
        self.cluster = LocalCluster(RunFiles(folder, folder, str(python)), self.changed.append)

    async def create_session(self, manifest: Json) -> Key:
        manifest["metadata"]["namespace"] = "local"
        return self.cluster.apply(manifest)

    async def delete_session(self, key: Key) -> None:
        self.cluster.delete(key)


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[LocalBackend]:
    backend = LocalBackend(tmp_path)
    yield backend
    await backend.cluster.close()


class TestLocalCluster(ClusterContract):
    pass


async def test_a_running_pod_without_finalizers_stays_until_its_process_is_gone(backend: LocalBackend) -> None:
    session = await read(backend, await backend.create_session(session_manifest()))
    await backend.cluster.create_pod(manifest(session))
    pod = await read_pod(backend, session)
    await backend.cluster.set_pod_finalizers(pod, ())

    await backend.cluster.delete_pod(pod, PodDeletion.NORMAL)

    assert await backend.cluster.pod(pod.namespace, pod.name)


async def test_what_cannot_be_started_is_refused(backend: LocalBackend, tmp_path: Path) -> None:
    session = await read(backend, await backend.create_session(session_manifest()))
    backend.cluster.files = RunFiles(tmp_path / "nowhere", tmp_path)

    with pytest.raises(PodRefused, match="nowhere"):
        await backend.cluster.create_pod(manifest(session))


async def test_a_supervisor_that_ignores_sigterm_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path, DEAF_STAND_IN)
    session = await read(backend, await backend.create_session(session_manifest()))
    await backend.cluster.create_pod(manifest(session))
    await eventually(lambda: _exists(tmp_path / "deaf"))

    await backend.cluster.delete_pod(await read_pod(backend, session), PodDeletion.SHORT)

    async def is_over() -> bool:
        return (await read_pod(backend, session)).state is PodState.TERMINATED

    await eventually(is_over)
    termination = (await read_pod(backend, session)).termination
    assert termination
    assert termination.exit_code == 137


async def _exists(path: Path) -> bool:
    return path.exists()
