"""Build an operator for one session on this machine: backend, passes, control of supervisors, and pokes."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry

from botsession_contract.connections import ConnectionGuard
from botsession_contract.json_codec import decode
from botsession_operator.api.spec import EndNow, Json
from botsession_operator.api.status import Status
from botsession_operator.clock import SystemClock
from botsession_operator.controller import Controller
from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.manifests.pod import Injection, PodSettings
from botsession_operator.core.manifests.service_and_route import Exposure
from botsession_operator.core.session_key import Key
from botsession_operator.effects.control import HttpControl, make_session
from botsession_operator.host_ports import HostPorts
from botsession_operator.local.cluster import LocalCluster
from botsession_operator.local.local_operator import LocalOperator
from botsession_operator.local.supervisor_process import RunFiles
from botsession_operator.metrics import Metrics
from botsession_operator.poke_gate import PokeGate
from botsession_operator.queue import Pass
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.reconciler import reconcile
from botsession_operator.server import create_app, serving

#: Without coalescing: a person watches, and a write to a dictionary costs nothing.
TIMEOUTS: Final = ControllerTimeouts(status_settle=timedelta(0), ending_settle=timedelta(0))
#: Bots listen on this machine, so callers need no Service.
EXPOSURE: Final = Exposure("${scheme}://127.0.0.1:${port}${path}")
#: How long a killed operator stays away, in seconds: long enough to miss events.
DOWNTIME_SECONDS: Final = 1.0


class LocalSession:
    """A session with an operator of its own."""

    def __init__(self, manifest: Json, cluster: LocalCluster, operator: LocalOperator, changed: asyncio.Event) -> None:
        self._cluster = cluster
        self._operator = operator
        #: Set when the session may have changed.
        self.changed = changed
        self._key = cluster.apply(_for_one_run(manifest))

    def status(self) -> Status | None:
        """Return the status as stored; None before the first pass has written one, and after the session is gone."""
        stored = self._stored()
        return decode(Status, stored["status"]) if stored and "phase" in stored.get("status", {}) else None

    def has_pod(self) -> bool:
        """Return whether the session's pod exists, which may have ended."""
        return bool(self._cluster.pods.names())

    def end(self, end: EndNow) -> None:
        """Write spec.end, as a user would. Immediate is not changed back to Graceful."""

        def write(stored: Json) -> None:
            if stored["spec"]["end"] != EndNow.IMMEDIATE:
                stored["spec"]["end"] = end
                stored["metadata"]["generation"] += 1

        self._cluster.sessions.change(self._key.namespace, self._key.name, write)

    async def kill_operator(self) -> None:
        """Kill the operator in the middle of a pass. The session continues without it."""
        await self._operator.kill()

    def start_operator(self) -> None:
        """Start another operator, and mark the session dirty, as the first list of a watch does."""
        self._operator.start()
        self._operator.mark(self._key)

    def _stored(self) -> Json | None:
        return self._cluster.sessions.get(self._key.namespace, self._key.name)


@asynccontextmanager
async def local_session(manifest: Json, files: RunFiles) -> AsyncIterator[LocalSession]:
    """Run an operator with the session of an admitted manifest; on exit, stop it and the session's processes."""
    changed, clock = asyncio.Event(), SystemClock()

    def mark(key: Key) -> None:
        operator.mark(key)
        changed.set()

    cluster = LocalCluster(files, mark)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        http = await stack.enter_async_context(make_session())
        metrics = Metrics(CollectorRegistry(), lambda: operator.depths())
        gate = PokeGate(lambda key: cluster.sessions.get(key.namespace, key.name) is not None, mark)
        url = await stack.enter_async_context(_poke_endpoint(gate, metrics))
        # No runtime image: the supervisor is imported from this command's own installation.
        pods = PodSettings("", Injection.IMAGE_VOLUME, url)
        control = HttpControl(http, metrics, cluster.control_port)
        keys = ControlKeys(secrets.token_bytes(32))

        def make_pass(controller: Controller) -> Pass:
            poller, refusals = controller.poller, controller.refusals
            ports = HostPorts(range(0))  # nothing shares a node here
            deps = Deps(
                cluster, poller, clock, metrics, TIMEOUTS, refusals, pods, keys, exposure=EXPOSURE, host_ports=ports
            )
            return metrics.timed(lambda key: reconcile(key, deps))

        operator = LocalOperator(control, TIMEOUTS, make_pass)
        operator.start()
        stack.push_async_callback(operator.stop)
        yield LocalSession(manifest, cluster, operator, changed)


def _for_one_run(manifest: Json) -> Json:
    """Return the manifest without what keeps pods or sessions after the finish, since the run ends then.

    It also allows eviction, which does not exist here, so that no PodDisruptionBudget is created.
    """
    changes = {"podRetention": "Never", "ttlAfterFinished": "never", "eviction": "Allow"}
    return {**manifest, "spec": {**manifest["spec"], **changes}}


@asynccontextmanager
async def _poke_endpoint(gate: PokeGate, metrics: Metrics) -> AsyncIterator[str]:
    """Serve the poke endpoint on a free port of the loopback interface; yield its base URL."""
    app = create_app(gate.poke, lambda: True, metrics.registry)
    async with serving(app, "127.0.0.1", 0, ConnectionGuard()) as (host, port):
        yield f"http://{host}:{port}"
