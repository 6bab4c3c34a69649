"""Polls supervisors beside the passes: no pass waits for a pod, so a silent pod blocks no worker.

A pass reads what is known of a supervisor, which also asks it again. The answer marks the session dirty, and the next
pass acts on it. End requests and changed limits are sent in the same way.

* The number of connections is bounded and shared fairly between namespaces. Most are kept for supervisors that answer.
* A silent supervisor is asked again with exponential back-off and jitter, and sooner if its session has to end.
* Where several pods of one node are silent, one of them is asked on behalf of all, until it answers.
* An answer counts only for the pod that was asked. It is forgotten with its session.
* A supervisor that sends heartbeats is asked when one is missing or tells of news (`received_heartbeats.py`).
"""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from loguru import logger as log

from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot
from botsession_contract.credentials import token_digest
from botsession_contract.heartbeat import from_datagram, heartbeat_id, heartbeat_key
from botsession_contract.lifecycle import BOT_CAUSES
from botsession_operator.core.backoff import Backoff
from botsession_operator.core.clock import Clock
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Pod, Reading
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import FairQueue, Priority
from botsession_operator.polled_supervisor import PolledSupervisor, Request
from botsession_operator.ports import Control
from botsession_operator.received_heartbeats import HeartbeatResult, ReceivedHeartbeats
from botsession_operator.silent_nodes import Node, SilentNodes

#: Connections at once. A supervisor answers within milliseconds; only silent ones keep a connection for long.
MAX_CONNECTIONS: Final = 64
#: A silent supervisor keeps its connection until the time-out, so silent ones get a part of the connections only.
MAX_CONNECTIONS_BY_PRIORITY: Final = {Priority.NORMAL: MAX_CONNECTIONS // 2, Priority.LOW: MAX_CONNECTIONS // 4}
#: For how many seconds a pass may use an answer that no pass waited for. After that it asks again.
FRESH_SECONDS: Final = 2.0
#: After an event of its session, a silent supervisor is asked again, this many seconds after the last request.
EVENT_RETRY_SECONDS: Final = 0.25
#: The longest time between two probes of a silent node.
MAX_PROBE_WAIT: Final = timedelta(seconds=10)
#: How often missing heartbeats are looked for: ten thousand sessions take a millisecond.
SWEEP_SECONDS: Final = 5.0


class SupervisorPoller:
    """Polls the supervisors of all sessions that passes read."""

    def __init__(
        self,
        control: Control,
        clock: Clock,
        timeouts: ControllerTimeouts,
        mark: Callable[[Key], None],
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._control = control
        self._clock = clock
        self._timeouts = timeouts
        #: Marks a session dirty.
        self._mark = mark
        self._monotonic = monotonic
        self._jitter = jitter
        self._supervisors: dict[Key, PolledSupervisor] = {}
        #: The same by how their heartbeats name their sessions.
        self._by_session: dict[bytes, PolledSupervisor] = {}
        self._swept_at = monotonic()
        self._nodes: SilentNodes[PolledSupervisor] = SilentNodes()
        self._queue: FairQueue[PolledSupervisor] = FairQueue(MAX_CONNECTIONS, MAX_CONNECTIONS_BY_PRIORITY)
        self._tasks: dict[asyncio.Task[None], PolledSupervisor] = {}

    # Called by passes. Nothing here waits for an answer.

    def read(self, key: Key, pod: Pod, token: str) -> Reading:
        """Return what is known of a supervisor, and ask it again unless the answer is fresh."""
        supervisor = self._supervisor_of(key, pod, token)
        if self._monotonic() <= supervisor.fresh_until:
            return self._consume(supervisor)
        if supervisor.is_silent:
            self._retry_if_due(supervisor)
        else:
            self._ask_for_pass(supervisor)
        return self._reading(supervisor, Freshness.EARLIER)

    async def end(self, key: Key, pod: Pod, token: str, request: EndRequest) -> None:
        """Queue a request to end the session; another pass reads the answer."""
        self._send_request(self._supervisor_of(key, pod, token), request)

    async def adjust(self, key: Key, pod: Pod, token: str, patch: SessionPatch) -> None:
        """Queue the limits that have changed; another pass reads the answer."""
        self._send_request(self._supervisor_of(key, pod, token), patch)

    def ask_now(self, key: Key) -> None:
        """Ask a silent supervisor now, because a pass waits for the proof of its silence."""
        if supervisor := self._supervisors.get(key):
            supervisor.is_urgent = True
            self._ask_for_pass(supervisor)

    def ask_more_often(self, key: Key) -> None:
        """Ask a supervisor more often while it is silent, because a user waits for the end of its session."""
        supervisor = self._supervisors.get(key)
        if supervisor is None or supervisor.is_urgent:
            return
        supervisor.is_urgent = True
        supervisor.retry_at = min(supervisor.retry_at, self._monotonic() + self._retry_seconds(supervisor))
        if supervisor in self._queue:
            self._enqueue(supervisor)

    def retry_at(self, key: Key) -> datetime | None:
        """Return when a pass must read a silent supervisor, which asks it again; None where no pass is needed."""
        supervisor = self._supervisors.get(key)
        if supervisor is None or not supervisor.is_silent:
            return None
        when, node = supervisor.retry_at, supervisor.node
        if node.is_silent and node.prober and not (supervisor.is_urgent or supervisor.has_new_events):
            if node.prober is not supervisor:
                return None  # another pod is asked on behalf of the node
            when = node.next_probe_at
        return self._clock.now() + timedelta(seconds=max(0.0, when - self._monotonic()))

    def forget(self, key: Key) -> None:
        """Forget the supervisor of a session. An answer that is still to come is dropped."""
        if supervisor := self._supervisors.pop(key, None):
            self._by_session.pop(supervisor.heartbeats.session, None)
            self._queue.discard(supervisor)
            self._nodes.remove(supervisor, supervisor.node)

    # Called on watch events and pokes.

    def prefetch(self, key: Key) -> None:
        """Ask a supervisor that is expected to answer, so that the coming pass finds the answer."""
        supervisor = self._supervisors.get(key)
        if supervisor and not supervisor.is_silent and self._monotonic() > supervisor.fresh_until:
            self._enqueue(supervisor)

    def refresh(self, key: Key) -> None:
        """Ask a supervisor after a change of its pod, or a poke: earlier answers are out of date.

        A silent supervisor may just have started, so its next request is due after EVENT_RETRY_SECONDS. Without that
        wait, anyone who sends pokes could make the operator ask it all the time.
        """
        if supervisor := self._supervisors.get(key):
            supervisor.events += 1
            supervisor.retry_at = min(supervisor.retry_at, supervisor.asked_at + EVENT_RETRY_SECONDS)
            self.prefetch(key)

    def forget_pod(self, key: Key, pod_uid: str) -> None:
        """Forget the supervisor of a session if it was in this pod, which is over."""
        supervisor = self._supervisors.get(key)
        if supervisor and supervisor.pod.uid == pod_uid:
            self.forget(key)

    # Called on heartbeats, and by a timer.

    def heartbeat(self, datagram: bytes) -> HeartbeatResult:
        """Record a heartbeat. Ask the supervisor only if it has had news since its last answer.

        A supervisor that is silent stays silent, because only an answer proves that requests reach it.
        """
        beat = from_datagram(datagram)
        supervisor = self._by_session.get(beat.session) if beat else None
        if beat is None or supervisor is None or supervisor.is_silent:
            return HeartbeatResult.UNKNOWN
        result = supervisor.heartbeats.receive(beat, self._monotonic())
        if result is HeartbeatResult.NEWS and not supervisor.is_in_flight:
            supervisor.events += 1
            self._ask_for_pass(supervisor)
        return result

    def sweep(self) -> None:
        """Ask the supervisors whose heartbeat is missing; the answers, or their silence, start a pass.

        The time in which this process did not run does not count: heartbeats have waited meanwhile, or were lost.
        """
        now = self._monotonic()
        stopped = max(0.0, now - self._swept_at - SWEEP_SECONDS)
        self._swept_at = now
        for supervisor in tuple(self._supervisors.values()):
            if supervisor.heartbeats.is_missing(now, stopped):
                log.debug("heartbeat missing", session=str(supervisor.key))
                self._ask_for_pass(supervisor)

    # Called by metrics, in another thread.

    def heard(self) -> int:
        """Return how many supervisors are not polled, because their heartbeats arrive."""
        return sum(each.heartbeats.are_expected for each in tuple(self._supervisors.values()))

    def in_flight(self) -> int:
        """Return how many supervisors are being asked."""
        return self._queue.slots_in_use

    def waiting(self) -> dict[Priority, int]:
        """Return how many supervisors wait to be asked, by priority."""
        return self._queue.depths()

    def silent(self) -> dict[str, int]:
        """Return how many supervisors are silent, by namespace."""
        return Counter(each.key.namespace for each in tuple(self._supervisors.values()) if each.is_silent)

    def silent_nodes(self) -> int:
        """Return how many nodes are silent."""
        return len(list(self._nodes))

    async def close(self) -> None:
        """Wait for the answers to requests of passes; drop snapshot requests, which the next operator repeats."""
        for key in tuple(self._supervisors):
            self.forget(key)
        for task, supervisor in self._tasks.items():
            if supervisor.sent_request is None:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Private.

    def _supervisor_of(self, key: Key, pod: Pod, token: str) -> PolledSupervisor:
        """Return the supervisor of this pod; create it if it is new. Answers of an earlier pod do not count for it."""
        supervisor = self._supervisors.get(key)
        if supervisor and supervisor.is_of(pod):
            return supervisor
        self.forget(key)
        name = pod.node_name or f"{key}"  # a pod without a node counts as alone on its node
        digest = token_digest(token)
        heartbeats = ReceivedHeartbeats(heartbeat_id(digest), heartbeat_key(digest))
        supervisor = PolledSupervisor(key, pod, token, self._nodes.get_or_create(name), heartbeats)
        supervisor.node.pods[supervisor] = None
        self._supervisors[key] = self._by_session[heartbeats.session] = supervisor
        return supervisor

    def _consume(self, supervisor: PolledSupervisor) -> Reading:
        """Return a fresh answer, which no other pass may use. If it is older than the last event, ask again."""
        supervisor.fresh_until = -math.inf
        if supervisor.has_new_events and not supervisor.is_silent:
            self._ask_for_pass(supervisor)
        return self._reading(supervisor, Freshness.REPLY if supervisor.is_reply else Freshness.CURRENT)

    def _reading(self, supervisor: PolledSupervisor, freshness: Freshness) -> Reading:
        is_heard = supervisor.heartbeats.are_expected
        return Reading(supervisor.state(self._monotonic()), freshness, supervisor.ending_heard_at, is_heard)

    def _send_request(self, supervisor: PolledSupervisor, request: Request) -> None:
        if request != supervisor.sent_request:
            supervisor.next_request = request
        self._ask_for_pass(supervisor)

    def _ask_for_pass(self, supervisor: PolledSupervisor) -> None:
        supervisor.is_pass_waiting = True
        self._enqueue(supervisor)

    def _retry_if_due(self, supervisor: PolledSupervisor) -> None:
        """Ask a silent supervisor if it is due, and if its node is not silent or may be probed."""
        now, is_prober = self._monotonic(), supervisor.node.is_silent and supervisor.node.prober is supervisor
        if now < supervisor.retry_at and not is_prober:
            return
        if supervisor.node.is_silent and not supervisor.is_urgent and not supervisor.has_new_events:
            if not supervisor.node.may_probe(now):
                return
            supervisor.node.begin_probe(supervisor, now + self._probe_seconds(supervisor.node))
        supervisor.tries += 1
        supervisor.retry_at = now + self._retry_seconds(supervisor)
        self._enqueue(supervisor)

    def _retry_seconds(self, supervisor: PolledSupervisor) -> float:
        timeouts = self._timeouts
        longest = timeouts.control_retry_ending if supervisor.is_urgent else timeouts.control_retry_longest
        return Backoff(timeouts.control_retry, longest).wait(supervisor.tries, self._jitter()).total_seconds()

    def _enqueue(self, supervisor: PolledSupervisor) -> None:
        """Queue a supervisor. While a request to it is in flight, it is queued only to send another one."""
        if supervisor.is_in_flight and supervisor.next_request is None:
            return
        self._queue.put(supervisor, supervisor.key.namespace, supervisor.priority)
        self._start_next()

    def _start_next(self) -> None:
        while (supervisor := self._queue.take()) is not None:
            supervisor.sent_request, supervisor.next_request = supervisor.next_request, None
            supervisor.events_when_asked, supervisor.asked_at = supervisor.events, self._monotonic()
            supervisor.is_in_flight = True
            task = asyncio.create_task(self._poll_logged(supervisor))
            self._tasks[task] = supervisor
            task.add_done_callback(self._tasks.pop)

    async def _poll_logged(self, supervisor: PolledSupervisor) -> None:
        """Poll a supervisor with its session in each log line: another session's pass may have started the task."""
        with log.contextualize(session=str(supervisor.key)):
            await self._poll(supervisor)

    async def _poll(self, supervisor: PolledSupervisor) -> None:
        try:
            answer = await self._send(supervisor)
        except Exception:  # noqa: BLE001  # a bug must not keep a session waiting forever
            log.exception("request to supervisor failed")
            answer = NoSnapshot.UNREACHABLE
        finally:
            supervisor.is_in_flight = False
            self._queue.done(supervisor)
        if self._supervisors.get(supervisor.key) is supervisor:
            self._record_reply(supervisor, answer)
        self._start_next()

    async def _send(self, supervisor: PolledSupervisor) -> SessionSnapshot | NoSnapshot:
        match supervisor.sent_request:
            case EndRequest():
                return await self._control.end(supervisor.pod, supervisor.token, supervisor.sent_request)
            case SessionPatch():
                return await self._control.adjust(supervisor.pod, supervisor.token, supervisor.sent_request)
            case _:
                return await self._control.snapshot(supervisor.pod, supervisor.token)

    def _record_reply(self, supervisor: PolledSupervisor, answer: SessionSnapshot | NoSnapshot) -> None:
        """Record an answer or a silence, and mark the session dirty if a pass waits for it or the silence is new."""
        was_silent, now = supervisor.is_silent, self._monotonic()
        supervisor.is_reply, supervisor.sent_request = supervisor.sent_request is not None, None
        if isinstance(answer, SessionSnapshot):
            supervisor.answer, supervisor.answered_at = answer, now
            supervisor.heartbeats.note_answer(answer, now)
            is_end_requested = answer.ending is not None and answer.ending.cause not in BOT_CAUSES
            if is_end_requested and supervisor.ending_heard_at is None:
                supervisor.ending_heard_at = self._clock.now()
            self._note_answer(supervisor)
        else:
            self._note_silence(supervisor)
        supervisor.node.end_probe(supervisor)
        if supervisor.next_request:  # the pass that sent it waits for that answer
            self._enqueue(supervisor)
            return
        needs_pass = supervisor.is_pass_waiting or was_silent != supervisor.is_silent
        supervisor.is_pass_waiting = False
        supervisor.fresh_until = math.inf if needs_pass else now + FRESH_SECONDS
        if needs_pass:
            self._mark(supervisor.key)

    def _note_answer(self, supervisor: PolledSupervisor) -> None:
        was_silent, supervisor.failures, supervisor.tries = supervisor.is_silent, 0, 0
        if not supervisor.node.note_answer():
            return
        log.info("node answers", node=supervisor.node.name)
        for each in supervisor.node.pods:
            if each in self._queue or (each.is_silent and was_silent):
                self._enqueue(each)

    def _note_silence(self, supervisor: PolledSupervisor) -> None:
        supervisor.failures += 1
        supervisor.heartbeats.note_silence()
        if supervisor.failures == 1:
            supervisor.tries = 1
            supervisor.retry_at = self._monotonic() + self._retry_seconds(supervisor)
        if not supervisor.proves_node_silence or not supervisor.node.note_silence(supervisor):
            return
        log.info("node silent", node=supervisor.node.name, pods=len(supervisor.node.pods))
        for each in supervisor.node.pods:  # queued ones are no longer expected to answer, so their priority drops
            if each in self._queue:
                self._queue.discard(each)
                self._queue.put(each, each.key.namespace, each.priority)

    def _probe_seconds(self, node: Node[PolledSupervisor]) -> float:
        backoff = Backoff(self._timeouts.control_retry, MAX_PROBE_WAIT)
        return backoff.wait(node.probes, self._jitter()).total_seconds()
