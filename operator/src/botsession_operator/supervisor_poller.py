"""Asks supervisors, beside the passes: no pass waits for a pod, and so no worker is held up by one that is silent.

A pass reads what is known, and has the supervisor asked anew. The answer marks the session dirty, and the next pass
acts on it. The requests of a pass, to end or to adjust, are sent in the same way.

* The number of connections is bounded, shared fairly between namespaces, and mostly kept for supervisors that answer.
* A silent supervisor is asked again with exponential back-off and jitter, sooner where its end is wanted.
* Where several pods of one node are silent, one of them is asked for all, until it answers.
* An answer counts only for the pod that was asked. What is known of a session is forgotten with it.
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
from botsession_contract.lifecycle import BOT_CAUSES
from botsession_operator.core.backoff import Backoff
from botsession_operator.core.clock import Clock
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Pod, Reading
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import FairQueue, Priority
from botsession_operator.polled_supervisor import PolledSupervisor, Request
from botsession_operator.ports import Control
from botsession_operator.silent_nodes import Node, SilentNodes

#: Connections at once. A supervisor answers within milliseconds, so only the silent ones keep a connection for long.
MAX_CONNECTIONS: Final = 64
#: A silent supervisor keeps its connection until the time-out, so a share of the connections stays free of them.
MAX_CONNECTIONS_BY_PRIORITY: Final = {Priority.NORMAL: MAX_CONNECTIONS // 2, Priority.LOW: MAX_CONNECTIONS // 4}
#: An answer that no pass waited for is read within this time, in seconds, or the supervisor is asked anew.
FRESH_SECONDS: Final = 2.0
#: A silent supervisor is asked again at once when something happens to its session, but so long after the last time.
EVENT_RETRY_SECONDS: Final = 0.25
#: Where a node is silent, one pod on it is asked at least so often.
LONGEST_PROBE_WAIT: Final = timedelta(seconds=10)


class SupervisorPoller:
    """All supervisors that the passes of one operator want to hear from."""

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
        self._nodes: SilentNodes[PolledSupervisor] = SilentNodes()
        self._queue: FairQueue[PolledSupervisor] = FairQueue(MAX_CONNECTIONS, MAX_CONNECTIONS_BY_PRIORITY)
        self._tasks: dict[asyncio.Task[None], PolledSupervisor] = {}

    # What passes call. Nothing here waits.

    def read(self, key: Key, pod: Pod, token: str) -> Reading:
        """Return what is known of a supervisor, and ask it anew unless the answer is fresh."""
        supervisor = self._supervisor_of(key, pod, token)
        if self._monotonic() <= supervisor.fresh_until:
            return self._consume(supervisor)
        if supervisor.is_silent:
            self._retry_if_due(supervisor)
        else:
            self._ask_for_pass(supervisor)
        return self._reading(supervisor, Freshness.EARLIER)

    async def end(self, key: Key, pod: Pod, token: str, request: EndRequest) -> None:
        """Have a supervisor asked to end its session; another pass reads the answer."""
        self._send_request(self._supervisor_of(key, pod, token), request)

    async def adjust(self, key: Key, pod: Pod, token: str, patch: SessionPatch) -> None:
        """Have a supervisor told the limits that have moved; another pass reads the answer."""
        self._send_request(self._supervisor_of(key, pod, token), patch)

    def ask_now(self, key: Key) -> None:
        """Have a silent supervisor asked now: a pass would conclude something from its silence, and waits."""
        if supervisor := self._supervisors.get(key):
            supervisor.is_urgent = True
            self._ask_for_pass(supervisor)

    def ask_more_often(self, key: Key) -> None:
        """Have a supervisor asked more often while it is silent: a user waits for the end of its session."""
        supervisor = self._supervisors.get(key)
        if supervisor is None or supervisor.is_urgent:
            return
        supervisor.is_urgent = True
        supervisor.retry_at = min(supervisor.retry_at, self._monotonic() + self._retry_seconds(supervisor))
        if supervisor in self._queue:
            self._enqueue(supervisor)

    def retry_at(self, key: Key) -> datetime | None:
        """Return when a pass is to have a silent supervisor asked again; None where none is needed for it."""
        supervisor = self._supervisors.get(key)
        if supervisor is None or not supervisor.is_silent:
            return None
        when, node = supervisor.retry_at, supervisor.node
        if node.is_silent and node.prober and not (supervisor.is_urgent or supervisor.has_new_events):
            if node.prober is not supervisor:
                return None  # another one is asked for it
            when = node.next_probe_at
        return self._clock.now() + timedelta(seconds=max(0.0, when - self._monotonic()))

    def forget(self, key: Key) -> None:
        """Forget a session that has no supervisor, or is gone. An answer that is still to come is dropped."""
        if supervisor := self._supervisors.pop(key, None):
            self._queue.discard(supervisor)
            self._nodes.remove(supervisor, supervisor.node)

    # What events call.

    def prefetch(self, key: Key) -> None:
        """Ask a supervisor that is expected to answer, so that a pass that is about to come finds the answer."""
        supervisor = self._supervisors.get(key)
        if supervisor and not supervisor.is_silent and self._monotonic() > supervisor.fresh_until:
            self._enqueue(supervisor)

    def refresh(self, key: Key) -> None:
        """Ask a supervisor because something has happened to its pod: what was asked for before is out of date.

        One that is silent is due again, a moment after it was last asked: it may just have started, and anyone may send
        pokes.
        """
        if supervisor := self._supervisors.get(key):
            supervisor.events += 1
            supervisor.retry_at = min(supervisor.retry_at, supervisor.asked_at + EVENT_RETRY_SECONDS)
            self.prefetch(key)

    # What metrics call, in a thread of their own.

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
        """Let requests in flight be answered, and drop all else: the next operator asks again."""
        for key in tuple(self._supervisors):
            self.forget(key)
        for task, supervisor in self._tasks.items():
            if supervisor.sent_request is None:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # How it is done.

    def _supervisor_of(self, key: Key, pod: Pod, token: str) -> PolledSupervisor:
        """Return the supervisor of this very pod. What an earlier pod of the session said does not count for it."""
        supervisor = self._supervisors.get(key)
        if supervisor and supervisor.is_of(pod):
            return supervisor
        self.forget(key)
        name = pod.node_name or f"{key}"  # a pod that is on no node yet shares its silence with none
        supervisor = PolledSupervisor(key, pod, token, self._nodes.get_or_create(name))
        supervisor.node.pods[supervisor] = None
        self._supervisors[key] = supervisor
        return supervisor

    def _consume(self, supervisor: PolledSupervisor) -> Reading:
        """Hand a fresh answer to a pass. Where something has happened since it was asked for, there will be another."""
        supervisor.fresh_until = -math.inf
        if supervisor.has_new_events and not supervisor.is_silent:
            self._ask_for_pass(supervisor)
        return self._reading(supervisor, Freshness.REPLY if supervisor.is_reply else Freshness.CURRENT)

    def _reading(self, supervisor: PolledSupervisor, freshness: Freshness) -> Reading:
        return Reading(supervisor.state(self._monotonic()), freshness, supervisor.ending_heard_at)

    def _send_request(self, supervisor: PolledSupervisor, request: Request) -> None:
        if request != supervisor.sent_request:
            supervisor.next_request = request
        self._ask_for_pass(supervisor)

    def _ask_for_pass(self, supervisor: PolledSupervisor) -> None:
        supervisor.is_pass_waiting = True
        self._enqueue(supervisor)

    def _retry_if_due(self, supervisor: PolledSupervisor) -> None:
        """Ask a silent supervisor if it is due, and if its node has not been found silent."""
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
        """Have a supervisor wait for its turn. One that is being asked gets another only for a request."""
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
        """Visit it with its session in each line: the visit may begin in a pass of another."""
        with log.contextualize(session=str(supervisor.key)):
            await self._poll(supervisor)

    async def _poll(self, supervisor: PolledSupervisor) -> None:
        try:
            answer = await self._send(supervisor)
        except Exception:  # noqa: BLE001  # a bug must not keep a session waiting for ever
            log.exception("supervisor not asked")
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
        """Remember an answer, or a silence, and have a pass come where that is news."""
        was_silent, now = supervisor.is_silent, self._monotonic()
        supervisor.is_reply, supervisor.sent_request = supervisor.sent_request is not None, None
        if isinstance(answer, SessionSnapshot):
            supervisor.answer, supervisor.answered_at = answer, now
            is_asked = answer.ending is not None and answer.ending.cause not in BOT_CAUSES
            if is_asked and supervisor.ending_heard_at is None:
                supervisor.ending_heard_at = self._clock.now()
            self._note_answer(supervisor)
        else:
            self._note_silence(supervisor)
        supervisor.node.end_probe(supervisor)
        if supervisor.next_request:  # the pass that sent it waits for the answer to that
            self._enqueue(supervisor)
            return
        is_news = supervisor.is_pass_waiting or was_silent != supervisor.is_silent
        supervisor.is_pass_waiting = False
        supervisor.fresh_until = math.inf if is_news else now + FRESH_SECONDS
        if is_news:
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
        if supervisor.failures == 1:
            supervisor.tries = 1
            supervisor.retry_at = self._monotonic() + self._retry_seconds(supervisor)
        if not supervisor.proves_node_silence or not supervisor.node.note_silence(supervisor):
            return
        log.info("node silent", node=supervisor.node.name, pods=len(supervisor.node.pods))
        for each in supervisor.node.pods:  # those who wait for their turn are no longer expected to answer
            if each in self._queue:
                self._queue.discard(each)
                self._queue.put(each, each.key.namespace, each.priority)

    def _probe_seconds(self, node: Node[PolledSupervisor]) -> float:
        backoff = Backoff(self._timeouts.control_retry, LONGEST_PROBE_WAIT)
        return backoff.wait(node.probes, self._jitter()).total_seconds()
