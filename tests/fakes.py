"""A world in memory: the API server, its kubelets and the supervisors, driven by the test, on a clock that stands."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from prometheus_client import CollectorRegistry

from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot
from botsession_contract.credentials import token_matches
from botsession_contract.json_codec import decode, format_time
from botsession_contract.launch import LAUNCH_ENV, Launch
from botsession_contract.lifecycle import BotState, Mode, Outcome, Reason, Step
from botsession_contract.names import BOT_CONTAINER, SESSION_FINALIZER
from botsession_contract.report import Ending, ExitReport, StepTaken, to_bytes
from botsession_operator.api.spec import Json
from botsession_operator.api.status import Status
from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.manifests.pod import Injection, PodSettings
from botsession_operator.core.observe.observed import Key, NoSnapshot, Pod
from botsession_operator.core.observe.webhook_delivery import Answer, EventType, Reply
from botsession_operator.local.object_store import InMemoryObjectStore
from botsession_operator.metrics import Metrics
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.reconciler import reconcile
from botsession_operator.refusals import Refusals
from botsession_operator.supervisor_poller import SupervisorPoller
from botsession_operator.webhook_dispatcher import WebhookDispatcher
from tests.builders import KEY, adjusted, raw_spec
from tests.crd import spec_problems
from tests.fake_cluster import FakeClock, FakeCluster

POD_SETTINGS: Final = PodSettings("registry.example/runtime:1", Injection.IMAGE_VOLUME, "http://operator:8475")
#: Of words that no other test writes: one of them looks for it in all that Python shows.
CONTROL_KEYS: Final = ControlKeys(b"the operator's key for its tests")


@dataclass
class FakeSupervisor:
    """What a supervisor knows, and whether it answers."""

    snapshot: SessionSnapshot
    answers: bool = True
    breaks_on_request: bool = False
    requests: list[EndRequest] = field(default_factory=list)


class FakeControl:
    """The Control port to the supervisors of a test."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.supervisors: dict[str, FakeSupervisor] = {}
        #: What has been asked of any of them, in order.
        self.asked: list[str] = []

    async def snapshot(self, pod: Pod, token: str) -> SessionSnapshot | NoSnapshot:
        self.asked.append("snapshot")
        supervisor = self._reach(pod, token)
        return replace(supervisor.snapshot, now=self._now()) if supervisor else NoSnapshot.UNREACHABLE

    async def end(self, pod: Pod, token: str, request: EndRequest) -> SessionSnapshot | NoSnapshot:
        self.asked.append("end")
        supervisor = self._reach(pod, token)
        if supervisor is None or supervisor.breaks_on_request:
            return NoSnapshot.UNREACHABLE
        supervisor.requests.append(request)
        before = supervisor.snapshot.ending
        if before is None or (before.mode, request.mode) == (Mode.GRACEFUL, Mode.IMMEDIATE):
            step = Step.END_FRAME if request.mode is Mode.GRACEFUL else Step.CANCEL_FRAME
            ending = Ending(request.cause, request.mode, self._now(), (StepTaken(step, self._now()),))
            supervisor.snapshot = replace(supervisor.snapshot, state=BotState.ENDING, ending=ending)
        return replace(supervisor.snapshot, now=self._now())

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> SessionSnapshot | NoSnapshot:
        self.asked.append("adjust")
        supervisor = self._reach(pod, token)
        if supervisor is None:
            return NoSnapshot.UNREACHABLE
        supervisor.snapshot = adjusted(supervisor.snapshot, patch)
        return replace(supervisor.snapshot, now=self._now())

    def _reach(self, pod: Pod, token: str) -> FakeSupervisor | None:
        """Return the supervisor of a pod, unless it refuses the token or does not answer."""
        supervisor = self.supervisors.get(pod.name)
        is_known = not pod.token_sha256 or token_matches(token, pod.token_sha256)
        return supervisor if supervisor and supervisor.answers and is_known else None


class FakeWebhook:
    """The Webhook port to a receiver that answers as the test says, and else takes all."""

    def __init__(self) -> None:
        #: The id and the body of each message.
        self.posted: list[tuple[str, Json]] = []
        self.replies: list[Reply] = []

    async def post(self, message_id: str, body: str) -> Reply:
        self.posted.append((message_id, json.loads(body)))
        return self.replies.pop(0) if self.replies else Reply(Answer.DELIVERED, "200")

    @property
    def events(self) -> list[str]:
        """Return what was sent, in its order."""
        return [message_id.rpartition(".")[2] for message_id, _ in self.posted]


class World:
    """One session, and everything that can happen to it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.webhook: FakeWebhook | None = None
        #: The operator that runs all passes; None: each pass is a new operator's.
        self.operator: Deps | None = None
        #: The chart's policy has the API server add the operator's finalizer to each new session.
        self.is_held_from_creation = False
        #: The present operator's; a new operator begins a new one.
        self.metrics = Metrics(CollectorRegistry())
        self.cluster = FakeCluster(self.clock.now)
        self.control = FakeControl(self.clock.now)
        self._is_answered = False

    def deps(self, metrics: Metrics | None = None) -> Deps:
        """Return what a newly started operator has, with metrics of its own unless it is given some."""
        self.metrics = metrics or Metrics(CollectorRegistry())
        refusals = Refusals(
            self.clock,
            ControllerTimeouts(),
            lambda _: self.cluster.touch(),
            jitter=lambda: 1.0,
            monotonic=lambda: self.clock.now().timestamp(),
        )
        deps = Deps(
            self.cluster,
            self.poller(),
            self.clock,
            self.metrics,
            ControllerTimeouts(),
            refusals,
            POD_SETTINGS,
            CONTROL_KEYS,
        )
        return replace(deps, webhook=self._deliveries(self.webhook)) if self.webhook else deps

    def poller(self) -> SupervisorPoller:
        """Return an operator that knows nothing of any supervisor yet what it asks them by."""
        clock = self.clock
        return SupervisorPoller(
            self.control,
            clock,
            ControllerTimeouts(),
            self._answered,
            lambda: clock.now().timestamp(),
            jitter=lambda: 1.0,
        )

    async def settle(self, deps: Deps | None = None) -> None:
        """Run passes, as events and requeues ask for them, until none is due now."""
        for _ in range(10):
            self.cluster.is_dirty = False
            requeue_at = await self.run_passes(deps)
            if not self.cluster.is_dirty and (requeue_at is None or requeue_at > self.clock.now()):
                return
        raise AssertionError("the passes do not come to rest")

    async def run_passes(self, deps: Deps | None = None) -> datetime | None:
        """Run a pass, and others while a supervisor's answer asks for one; return when the next one is due."""
        operator = deps or self.operator or self.deps()
        for _ in range(5):
            self._is_answered = False
            requeue_at = await reconcile(KEY, operator)
            await _others_end()
            if not self._is_answered:
                return requeue_at
        raise AssertionError("the answers do not come to rest")

    def _answered(self, _: Key) -> None:
        self._is_answered = True

    def _deliveries(self, webhook: FakeWebhook) -> WebhookDispatcher:
        events = frozenset(EventType)
        return WebhookDispatcher(webhook, events, "tests", self.clock, lambda _: self.cluster.touch(), self.metrics)

    async def rest(self) -> None:
        """Settle, and let what is written only after a while be written too."""
        await self.settle()
        self.clock.pass_(ControllerTimeouts().status_settle.total_seconds())
        await self.settle()

    # What the user does.

    def apply(self, **spec: Any) -> None:
        assert not spec_problems(raw_spec(**spec)), "the API server refuses this spec"
        self.store(**spec)

    def store(self, **spec: Any) -> None:
        """Have a session stored that may be of another version of the CRD."""
        metadata: Json = {"namespace": KEY.namespace, "name": KEY.name}
        if self.is_held_from_creation:
            metadata["finalizers"] = [SESSION_FINALIZER]
        # The CRD's default, with which the API server answers until somebody writes.
        unwritten = {"phase": "Pending", "observedGeneration": 0}
        self.sessions.create({"metadata": metadata, "spec": raw_spec(**spec), "status": unwritten})

    def edit(self, **spec: Any) -> None:
        def change(stored: Json) -> None:
            stored["spec"] |= spec
            stored["metadata"]["generation"] += 1

        self.sessions.change(KEY.namespace, KEY.name, change)

    def delete(self) -> None:
        self.sessions.delete(KEY.namespace, KEY.name, timedelta(0))
        self.sessions.collect(KEY.namespace, KEY.name)

    # What the cluster does.

    def schedule(self) -> None:
        self._change_pod(lambda pod: pod["spec"].update(nodeName="node-1"))
        self._change_pod(lambda pod: pod["status"].update(podIP="10.0.0.7"))

    def run_container(self) -> None:
        self._set_container({"running": {"startedAt": format_time(self.clock.now())}}, "Running")
        starting = SessionSnapshot(BotState.STARTING, self.clock.now())
        self.control.supervisors[self.pod_name] = FakeSupervisor(starting)

    def end_container(self, message: str = "", reason: str = "Completed", exit_code: int = 0) -> None:
        """Let the container end; where its pod was deleted, the kubelet then confirms that."""
        del self.control.supervisors[self.pod_name]
        terminated = {"reason": reason, "exitCode": exit_code, "message": message}
        self._set_container({"terminated": terminated}, "Failed" if exit_code else "Succeeded")
        if "deletionTimestamp" in self.stored_pod["metadata"]:
            self.cluster.delete_stored(self.stored_pod)

    # What the bot and its supervisor do.

    def connect_client(self) -> None:
        known = self.supervisor.snapshot
        self.supervisor.snapshot = replace(known, client_connected_at=self.clock.now())

    def listen(self) -> None:
        """Wait for a caller."""
        self.supervisor.snapshot = replace(self.supervisor.snapshot, listening_at=self.clock.now())

    def call(self) -> None:
        """Call a bot that listens."""
        self.supervisor.snapshot = replace(self.supervisor.snapshot, called_at=self.clock.now())

    def start_pipeline(self) -> None:
        running = replace(self.supervisor.snapshot, state=BotState.RUNNING, started_at=self.clock.now())
        variables = self.stored_pod["spec"]["containers"][0]["env"]
        (launch,) = (each["value"] for each in variables if each["name"] == LAUNCH_ENV)
        assert KEY.name in launch
        orders = decode(Launch, json.loads(launch))
        deadline = self.clock.now() + timedelta(minutes=30)
        known = replace(running, limits=orders.limits, shutdown=orders.shutdown, overrides=orders.overrides)
        self.supervisor.snapshot = replace(known, deadline=deadline, tells_of_clients=True)

    def report(self, reason: Reason, outcome: Outcome = Outcome.DRAINED) -> None:
        known = self.supervisor.snapshot
        left = ExitReport(reason, outcome, self.clock.now(), started_at=known.started_at, ending=known.ending)
        self.end_container(to_bytes(left).decode())

    def end_as_asked(self) -> None:
        """Let the supervisor finish the ending that it was asked for."""
        ending = self.supervisor.snapshot.ending
        assert ending, "nobody asked the supervisor to end"
        outcome = Outcome.DRAINED if ending.mode is Mode.GRACEFUL else Outcome.CANCELLED
        self.report(Reason(ending.cause), outcome)

    # What there is.

    @property
    def sessions(self) -> InMemoryObjectStore:
        return self.cluster.sessions

    @property
    def status(self) -> Status:
        stored = self.sessions.get(KEY.namespace, KEY.name)
        assert stored
        return decode(Status, stored["status"])

    @property
    def pod_name(self) -> str:
        ((_, name),) = self.cluster.pods.names()
        return name

    @property
    def stored_pod(self) -> Json:
        stored = self.cluster.pods.get(KEY.namespace, self.pod_name)
        assert stored
        return stored

    @property
    def supervisor(self) -> FakeSupervisor:
        return self.control.supervisors[self.pod_name]

    @property
    def is_empty(self) -> bool:
        return not self.sessions.names() and not self.cluster.pods.names() and not self.cluster.budgets.names()

    def _change_pod(self, change: Callable[[Json], None]) -> None:
        self.cluster.pods.change(KEY.namespace, self.pod_name, change)

    def run_sidecar(self) -> None:
        """Let another container run in the pod, which goes on when the bot's is over."""
        sidecar = {"name": "sidecar", "state": {"running": {"startedAt": format_time(self.clock.now())}}}
        self._change_pod(lambda pod: pod["status"]["containerStatuses"].append(sidecar))

    def _set_container(self, state: Json, phase: str) -> None:
        def change(pod: Json) -> None:
            others = [each for each in pod["status"].get("containerStatuses", ()) if each["name"] != BOT_CONTAINER]
            container = {"name": BOT_CONTAINER, "state": state}
            pod["status"].update(phase="Running" if others else phase, containerStatuses=[container, *others])

        self._change_pod(change)


async def _others_end() -> None:
    """Wait for what was begun and not waited for: it has nothing to wait for itself."""
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
