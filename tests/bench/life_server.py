"""The cluster of `tests.bench.session_life`, in a process of its own: API server, kubelet, supervisors and user.

As much of an API server as the operator asks for: it lists, watches, reads, writes and deletes sessions and pods, with
resourceVersions, finalizers and managedFields of the size that real ones have. Each pod has an address of the loopback
network, at which one program answers for all supervisors.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer

from botsession_contract.control import CONTROL_PORT, SessionSnapshot
from botsession_contract.json_codec import encode, format_time
from botsession_contract.lifecycle import BotState, Outcome, Reason
from botsession_contract.names import SESSION_FINALIZER
from botsession_contract.report import ExitReport, to_bytes
from botsession_contract.session_limits import SessionLimits
from botsession_contract.shutdown import Overrides, Shutdown
from tests.apiserver import merged, missing
from tests.bench.one_request import answer_one
from tests.builders import raw_spec
from tests.stored import DISCOVERY

Json = dict[str, Any]
NAMESPACE: Final = "bots"
#: The kinds that are kept, by plural; of others a request is answered, and counted.
KINDS: Final = {"botsessions": ("botsession.dev/v1alpha1", "BotSession"), "pods": ("v1", "Pod")}
GROUPS: Final = {"botsessions": "botsession.dev", "pods": ""}
CONFLICT: Final = {
    "kind": "Status",
    "status": "Failure",
    "reason": "Conflict",
    "message": "it has changed",
    "code": 409,
}
TALK: Final = timedelta(minutes=30)
#: Members that the API server adds to each container, and to each pod.
CONTAINER_DEFAULTS: Final = {"imagePullPolicy": "IfNotPresent", "terminationMessagePolicy": "File", "resources": {}}
TOLERATIONS: Final = [
    {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for what in ("not-ready", "unreachable")
]
POD_DEFAULTS: Final = {
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "preemptionPolicy": "PreemptLowerPriority",
    "priority": 0,
    "enableServiceLinks": True,
    "tolerations": TOLERATIONS,
}


@dataclass
class Cluster:
    """What there is, who watches it, and what was asked."""

    #: For how many seconds each bot talks.
    talk_seconds: float
    objects: dict[str, dict[str, Json]] = field(default_factory=lambda: {plural: {} for plural in KINDS})
    watches: dict[str, list[asyncio.Queue[bytes]]] = field(default_factory=lambda: {plural: [] for plural in KINDS})
    #: Requests by method and plural, and watch events by type and plural.
    requests: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    #: When each session was first seen in a phase, by name and phase.
    reached: dict[tuple[str, str], float] = field(default_factory=dict)
    gone: int = 0
    versions: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    # The API server.

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        parts = request.path.strip("/").split("/")
        if request.path in DISCOVERY:
            return web.json_response(DISCOVERY[request.path])
        if request.path == "/version":
            return web.json_response({"major": "1", "minor": "36"})
        if "sendInitialEvents" in request.query:  # lists come in chunks, as from an older API server
            return web.json_response({"kind": "Status", "code": 422, "message": "lists are not streamed"}, status=422)
        if "watch" in request.query:
            return await self._watch(request, parts[-1])
        plural, name = self._place(parts)
        self.requests[f"{request.method} {plural}"] += 1
        body = await request.json() if request.can_read_body else None
        code, said = self._said(request.method, plural, name, body)
        return web.Response(status=code, text=_text(said), content_type="application/json")

    def _place(self, parts: list[str]) -> tuple[str, str]:
        within = parts[parts.index("namespaces") + 2 :] if "namespaces" in parts else parts[-1:]
        return within[0], within[1] if len(within) > 1 else ""

    def _said(self, method: str, plural: str, name: str, body: Any) -> tuple[int, Json]:
        if plural not in KINDS:
            return 201, body or {}
        objects, (version, kind) = self.objects[plural], KINDS[plural]
        if method == "POST":
            return 201, self.create(plural, body)
        if not name:
            listed = {"metadata": {"resourceVersion": str(next(self.versions))}, "items": list(objects.values())}
            return 200, {"apiVersion": version, "kind": f"{kind}List", **listed}
        if name not in objects:
            return 404, missing(name, plural, GROUPS[plural])
        if method == "DELETE":
            return 200, self.delete(plural, name)
        if method == "PATCH":
            changed = self._patch(plural, name, body)
            return (200, changed) if changed else (409, CONFLICT)
        return 200, objects[name]

    def create(self, plural: str, manifest: Json) -> Json:
        """Keep a new object, and start what a cluster does with it."""
        version, kind = KINDS[plural]
        name, number = manifest["metadata"]["name"], next(self.versions)
        known = {"uid": f"00000000-0000-4000-8000-{number:012}", "creationTimestamp": _now(), "generation": 1}
        metadata = {**manifest["metadata"], **known, "namespace": NAMESPACE}
        made = {"apiVersion": version, "kind": kind, **manifest, "metadata": metadata}
        if plural == "pods":
            made = _defaulted(made)
            self.start(self._play(name, f"127.{1 + number // 65536 % 200}.{number // 256 % 256}.{number % 256}"))
        return self._keep("ADDED", plural, made)

    def change(self, plural: str, name: str, patch: Any) -> Json:
        """Merge a patch into an object."""
        made = merged(self.objects[plural][name], patch)
        is_gone = "deletionTimestamp" in made["metadata"] and not made["metadata"].get("finalizers")
        return self._keep("DELETED" if is_gone else "MODIFIED", plural, made)

    def delete(self, plural: str, name: str) -> Json:
        """Delete an object, which stays as long as it has a finalizer."""
        if "deletionTimestamp" in self.objects[plural][name]["metadata"]:
            return self.objects[plural][name]
        return self.change(plural, name, {"metadata": {"deletionTimestamp": _now(), "deletionGracePeriodSeconds": 0}})

    def _patch(self, plural: str, name: str, patch: Any) -> Json | None:
        if isinstance(patch, list):  # JSON patch: the version that is expected, and the status
            patch = {"metadata": {"resourceVersion": patch[0]["value"]}, "status": patch[1]["value"]}
            self.objects[plural][name].pop("status", None)
        found = self.objects[plural][name]["metadata"]
        if patch.get("metadata", {}).get("resourceVersion", found["resourceVersion"]) != found["resourceVersion"]:
            return None
        return self.change(plural, name, patch)

    def _keep(self, event: str, plural: str, made: Json) -> Json:
        name = made["metadata"]["name"]
        made["metadata"].pop("managedFields", None)
        made["metadata"]["resourceVersion"] = str(next(self.versions))
        made["metadata"]["managedFields"] = _managed_fields(made)
        self.objects[plural][name] = made
        if event == "DELETED":
            del self.objects[plural][name]
        self.events[f"{event} {plural}"] += 1
        line = _text({"type": event, "object": made}).encode() + b"\n"
        for queue in self.watches[plural]:
            queue.put_nowait(line)
        if plural == "botsessions":
            self._note(event, name, made.get("status", {}))
        return made

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        response, queue = web.StreamResponse(), asyncio.Queue[bytes]()
        await response.prepare(request)
        if plural in self.watches:
            self.watches[plural].append(queue)
            await self._notify()
        while True:
            await response.write(await queue.get())

    # The user, the kubelet and the supervisors.

    def start(self, work: Any) -> None:
        """Run something beside."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def apply(self, name: str) -> None:
        """Create a session, as an admission policy and the CRD complete it."""
        unwritten = {"phase": "Pending", "observedGeneration": 0}
        metadata = {"name": name, "finalizers": [SESSION_FINALIZER], "labels": {"team": "support"}}
        self.reached[name, "created"] = time.monotonic()
        self.create("botsessions", {"metadata": metadata, "spec": raw_spec(), "status": unwritten})

    def _note(self, event: str, name: str, status: Json) -> None:
        phase = "gone" if event == "DELETED" else status["phase"]
        if (name, phase) in self.reached:
            return
        self.reached[name, phase] = time.monotonic()
        if "finish" in status and event != "DELETED":
            self.start(self._later(0.2, lambda: self.delete("botsessions", name)))
        self.gone += event == "DELETED"
        self.start(self._notify())

    async def _play(self, name: str, address: str) -> None:
        """Be the scheduler, the kubelet and the bot of a pod."""
        await asyncio.sleep(0.02)
        self.change("pods", name, {"spec": {"nodeName": "node-1"}, "status": _pod_status("PodScheduled")})
        await asyncio.sleep(0.02)
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        self.change("pods", name, {"status": _pod_status("PodScheduled", "Initialized", container=waiting)})
        await asyncio.sleep(0.1)
        started = datetime.now(UTC)
        running = {"running": {"startedAt": format_time(started)}}
        ready = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        status = _pod_status(*ready, container=running, phase="Running")
        self.change("pods", name, {"status": {**status, "podIP": address, "podIPs": [{"ip": address}]}})
        await asyncio.sleep(self.talk_seconds)
        report = ExitReport(Reason.COMPLETED, Outcome.DRAINED, datetime.now(UTC), started_at=started)
        terminated = {"exitCode": 0, "reason": "Completed", "message": to_bytes(report).decode(), **running["running"]}
        status = _pod_status(*ready, container={"terminated": terminated}, phase="Succeeded")
        self.change("pods", name, {"status": status})

    async def _later(self, seconds: float, what: Any) -> None:
        await asyncio.sleep(seconds)
        what()

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, holds: Any) -> None:
        """Wait for a fact."""
        async with self.changed:
            await self.changed.wait_for(holds)

    @property
    def is_watched(self) -> bool:
        """Return whether an operator watches all kinds."""
        return all(self.watches.values())


async def serve(pipe: Any, sessions: int, together: int, talk_seconds: float) -> None:
    """Serve; when told to, have so many sessions live, so many at a time, and send what happened."""
    cluster, app, loop = Cluster(talk_seconds), web.Application(), asyncio.get_running_loop()
    app.router.add_route("*", "/{path:.*}", cluster.answer)
    everywhere = "0.0.0.0"  # the address of each pod is one of the loopback network
    async with TestServer(app) as server, await asyncio.start_server(_supervisor, everywhere, CONTROL_PORT):
        pipe.send(str(server.make_url("")).rstrip("/"))
        await cluster.until(lambda: cluster.is_watched)
        pipe.send("watched")
        await loop.run_in_executor(None, pipe.recv)
        cluster.requests.clear()
        began = time.monotonic()
        for number in range(sessions):
            await cluster.until(lambda number=number: number - cluster.gone < together)
            cluster.apply(f"s-{number}")
        await cluster.until(lambda: cluster.gone == sessions)
        pipe.send(
            {
                "seconds": time.monotonic() - began,
                "reached": _waits(cluster.reached),
                "requests": cluster.requests,
                "events": cluster.events,
            }
        )
        await loop.run_in_executor(None, pipe.recv)


async def _supervisor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as the supervisor of a conversation that has begun."""
    await answer_one(reader, writer, lambda _head, _body: encode(_snapshot()))


def _snapshot() -> SessionSnapshot:
    now = datetime.now(UTC)
    return SessionSnapshot(
        BotState.RUNNING,
        now,
        started_at=now,
        deadline=now + TALK,
        limits=SessionLimits(join_timeout_seconds=60.0),
        shutdown=Shutdown(),
        overrides=Overrides(),
        client_connected_at=now,
        tells_of_clients=True,
    )


def _waits(reached: dict[tuple[str, str], float]) -> dict[str, list[float]]:
    """Return, for each phase, how long after its creation each session was first seen in it."""
    waits: dict[str, list[float]] = {}
    for (name, phase), at in reached.items():
        waits.setdefault(phase, []).append(at - reached[name, "created"])
    return waits


def _defaulted(pod: Json) -> Json:
    containers = [{**CONTAINER_DEFAULTS, **each} for each in pod["spec"]["containers"]]
    spec = {**POD_DEFAULTS, **pod["spec"], "containers": containers}
    return {**pod, "spec": spec, "status": {"phase": "Pending", "qosClass": "BestEffort"}}


def _pod_status(*conditions: str, container: Json | None = None, phase: str = "Pending") -> Json:
    now = _now()
    met = [{"type": each, "status": "True", "lastProbeTime": None, "lastTransitionTime": now} for each in conditions]
    status = {"phase": phase, "conditions": met, "qosClass": "BestEffort", "observedGeneration": 1}
    if container is None:
        return status
    known = {"name": "bot", "image": "registry.example/bot:1", "restartCount": 0, "imageID": "registry.example/bot@0"}
    states = [{**known, "state": container, "lastState": {}, "ready": "running" in container, "started": True}]
    return {**status, "hostIP": "172.18.0.2", "startTime": now, "containerStatuses": states}


def _managed_fields(made: Json) -> list[Json]:
    parts: dict[str, Json] = {"operator": {each: made[each] for each in ("metadata", "spec") if each in made}}
    parts["kubelet"] = {"status": made.get("status", {})}
    return [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": made["apiVersion"],
            "time": made["metadata"]["creationTimestamp"],
            "fieldsType": "FieldsV1",
            "fieldsV1": _fields(part),
        }
        for manager, part in parts.items()
    ]


def _fields(value: Any) -> Json:
    """Return the names of members, as FieldsV1 has them."""
    if isinstance(value, dict):
        return {f"f:{name}": _fields(each) for name, each in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {
            f'k:{{"{next(iter(each))}":"{number}"}}': {".": {}, **_fields(each)} for number, each in enumerate(value)
        }
    return {}


def _text(value: Json) -> str:
    """Return JSON as the API server writes it: without spaces, and metadata before the spec."""
    return json.dumps(value, separators=(",", ":"))


def _now() -> str:
    return format_time(datetime.now(UTC))
