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
SLOTS: Final = 64
#: A silent supervisor keeps its connection until the time-out, so a share of the connections stays free of them.
CEILINGS: Final = {Priority.NORMAL: SLOTS // 2, Priority.LOW: SLOTS // 4}
#: An answer that no pass waited for is read within this time, in seconds, or the supervisor is asked anew.
SHELF_LIFE: Final = 2.0
#: A silent supervisor is asked again at once when something happens to its session, but so long after the last time.
NEWS_WAIT: Final = 0.25
#: Where a node is silent, one pod on it is asked at least so often.
LONGEST_PROBE_WAIT: Final = timedelta(seconds=10)


class SupervisorPoller:
    """All supervisors that the passes of one operator want to hear from."""

    def __init__(
        self,
        control: Control,
        clock: Clock,
        timeouts: ControllerTimeouts,
        answered: Callable[[Key], None],
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._control = control
        self._clock = clock
        self._timeouts = timeouts
        #: Marks a session dirty.
        self._answered = answered
        self._monotonic = monotonic
        self._luck = jitter
        self._known: dict[Key, PolledSupervisor] = {}
        self._nodes: SilentNodes[PolledSupervisor] = SilentNodes()
        self._turns: FairQueue[PolledSupervisor] = FairQueue(SLOTS, CEILINGS)
        self._tasks: dict[asyncio.Task[None], PolledSupervisor] = {}

    # What passes call. Nothing here waits.

    def read(self, key: Key, pod: Pod, token: str) -> Reading:
        """Return what is known of a supervisor, and ask it anew unless the answer is fresh."""
        known = self._meet(key, pod, token)
        if self._monotonic() <= known.fresh_until:
            return self._take(known)
        if known.is_silent:
            self._retry(known)
        else:
            self._await(known)
        return self._reading(known, Freshness.EARLIER)

    async def end(self, key: Key, pod: Pod, token: str, request: EndRequest) -> None:
        """Have a supervisor asked to end its session; another pass reads the answer."""
        self._send_soon(self._meet(key, pod, token), request)

    async def adjust(self, key: Key, pod: Pod, token: str, patch: SessionPatch) -> None:
        """Have a supervisor told the limits that have moved; another pass reads the answer."""
        self._send_soon(self._meet(key, pod, token), patch)

    def insist(self, key: Key) -> None:
        """Have a silent supervisor asked now: a pass would conclude something from its silence, and waits."""
        if known := self._known.get(key):
            known.is_pressing = True
            self._await(known)

    def hurry(self, key: Key) -> None:
        """Have a supervisor asked more often while it is silent: a user waits for the end of its session."""
        known = self._known.get(key)
        if known is None or known.is_pressing:
            return
        known.is_pressing = True
        known.retry_at = min(known.retry_at, self._monotonic() + self._wait(known))
        if known in self._turns:
            self._ask(known)

    def retry_at(self, key: Key) -> datetime | None:
        """Return when a pass is to have a silent supervisor asked again; None where none is needed for it."""
        known = self._known.get(key)
        if known is None or not known.is_silent:
            return None
        when, node = known.retry_at, known.node
        if node.is_silent and node.prober and not (known.is_pressing or known.has_news):
            if node.prober is not known:
                return None  # another one is asked for it
            when = node.next_probe_at
        return self._clock.now() + timedelta(seconds=max(0.0, when - self._monotonic()))

    def forget(self, key: Key) -> None:
        """Forget a session that has no supervisor, or is gone. An answer that is still to come is dropped."""
        if known := self._known.pop(key, None):
            self._turns.discard(known)
            self._nodes.leave(known, known.node)

    # What events call.

    def prefetch(self, key: Key) -> None:
        """Ask a supervisor that is expected to answer, so that a pass that is about to come finds the answer."""
        known = self._known.get(key)
        if known and not known.is_silent and self._monotonic() > known.fresh_until:
            self._ask(known)

    def refresh(self, key: Key) -> None:
        """Ask a supervisor because something has happened to its pod: what was asked for before is out of date.

        One that is silent is due again, a moment after it was last asked: it may just have started, and anyone may send
        pokes.
        """
        if known := self._known.get(key):
            known.news += 1
            known.retry_at = min(known.retry_at, known.asked_at + NEWS_WAIT)
            self.prefetch(key)

    # What metrics call, in a thread of their own.

    def in_flight(self) -> int:
        """Return how many supervisors are being asked."""
        return self._turns.held

    def waiting(self) -> dict[Priority, int]:
        """Return how many supervisors wait to be asked, by priority."""
        return self._turns.depths()

    def silent(self) -> dict[str, int]:
        """Return how many supervisors are silent, by namespace."""
        return Counter(known.key.namespace for known in tuple(self._known.values()) if known.is_silent)

    def silent_nodes(self) -> int:
        """Return how many nodes are silent."""
        return len(list(self._nodes))

    async def close(self) -> None:
        """Let requests in flight be answered, and drop all else: the next operator asks again."""
        for key in tuple(self._known):
            self.forget(key)
        for task, asked in self._tasks.items():
            if asked.sent is None:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # How it is done.

    def _meet(self, key: Key, pod: Pod, token: str) -> PolledSupervisor:
        """Return the supervisor of this very pod. What an earlier pod of the session said does not count for it."""
        known = self._known.get(key)
        if known and known.is_of(pod):
            return known
        self.forget(key)
        name = pod.node_name or f"{key}"  # a pod that is on no node yet shares its silence with none
        made = PolledSupervisor(key, pod, token, self._nodes.named(name))
        made.node.pods[made] = None
        self._known[key] = made
        return made

    def _take(self, known: PolledSupervisor) -> Reading:
        """Hand a fresh answer to a pass. Where something has happened since it was asked for, there will be another."""
        known.fresh_until = -math.inf
        if known.has_news and not known.is_silent:
            self._await(known)
        return self._reading(known, Freshness.REPLY if known.is_reply else Freshness.CURRENT)

    def _reading(self, known: PolledSupervisor, freshness: Freshness) -> Reading:
        return Reading(known.state(self._monotonic()), freshness, known.ending_heard_at)

    def _send_soon(self, known: PolledSupervisor, request: Request) -> None:
        if request != known.sent:
            known.request = request
        self._await(known)

    def _await(self, known: PolledSupervisor) -> None:
        known.is_awaited = True
        self._ask(known)

    def _retry(self, known: PolledSupervisor) -> None:
        """Ask a silent supervisor if it is due, and if its node has not been found silent."""
        now, is_prober = self._monotonic(), known.node.is_silent and known.node.prober is known
        if now < known.retry_at and not is_prober:
            return
        if known.node.is_silent and not known.is_pressing and not known.has_news:
            if not known.node.may_probe(now):
                return
            known.node.begin_probe(known, now + self._probe_wait(known.node))
        known.tries += 1
        known.retry_at = now + self._wait(known)
        self._ask(known)

    def _wait(self, known: PolledSupervisor) -> float:
        timeouts = self._timeouts
        longest = timeouts.control_retry_ending if known.is_pressing else timeouts.control_retry_longest
        return Backoff(timeouts.control_retry, longest).wait(known.tries, self._luck()).total_seconds()

    def _ask(self, known: PolledSupervisor) -> None:
        """Have a supervisor wait for its turn. One that is being asked gets another only for a request."""
        if known.is_in_flight and known.request is None:
            return
        self._turns.put(known, known.key.namespace, known.priority)
        self._pump()

    def _pump(self) -> None:
        while (known := self._turns.take()) is not None:
            known.sent, known.request = known.request, None
            known.news_asked, known.asked_at, known.is_in_flight = known.news, self._monotonic(), True
            task = asyncio.create_task(self._visit_logged(known))
            self._tasks[task] = known
            task.add_done_callback(self._tasks.pop)

    async def _visit_logged(self, known: PolledSupervisor) -> None:
        """Visit it with its session in each line: the visit may begin in a pass of another."""
        with log.contextualize(session=str(known.key)):
            await self._visit(known)

    async def _visit(self, known: PolledSupervisor) -> None:
        try:
            answer = await self._send(known)
        except Exception:  # noqa: BLE001  # a bug must not keep a session waiting for ever
            log.exception("supervisor not asked")
            answer = NoSnapshot.UNREACHABLE
        finally:
            known.is_in_flight = False
            self._turns.done(known)
        if self._known.get(known.key) is known:
            self._take_in(known, answer)
        self._pump()

    async def _send(self, known: PolledSupervisor) -> SessionSnapshot | NoSnapshot:
        match known.sent:
            case EndRequest():
                return await self._control.end(known.pod, known.token, known.sent)
            case SessionPatch():
                return await self._control.adjust(known.pod, known.token, known.sent)
            case _:
                return await self._control.snapshot(known.pod, known.token)

    def _take_in(self, known: PolledSupervisor, answer: SessionSnapshot | NoSnapshot) -> None:
        """Remember an answer, or a silence, and have a pass come where that is news."""
        was_silent, now = known.is_silent, self._monotonic()
        known.is_reply, known.sent = known.sent is not None, None
        if isinstance(answer, SessionSnapshot):
            known.answer, known.answered_at = answer, now
            is_asked = answer.ending is not None and answer.ending.cause not in BOT_CAUSES
            if is_asked and known.ending_heard_at is None:
                known.ending_heard_at = self._clock.now()
            self._note_answer(known)
        else:
            self._note_silence(known)
        known.node.end_probe(known)
        if known.request:  # the pass that sent it waits for the answer to that
            self._ask(known)
            return
        is_news = known.is_awaited or was_silent != known.is_silent
        known.is_awaited = False
        known.fresh_until = math.inf if is_news else now + SHELF_LIFE
        if is_news:
            self._answered(known.key)

    def _note_answer(self, known: PolledSupervisor) -> None:
        was_silent, known.failures, known.tries = known.is_silent, 0, 0
        if not known.node.note_answer():
            return
        log.info("node answers", node=known.node.name)
        for each in known.node.pods:
            if each in self._turns or (each.is_silent and was_silent):
                self._ask(each)

    def _note_silence(self, known: PolledSupervisor) -> None:
        known.failures += 1
        if known.failures == 1:
            known.tries = 1
            known.retry_at = self._monotonic() + self._wait(known)
        if not known.is_proof or not known.node.note_silence(known):
            return
        log.info("node silent", node=known.node.name, pods=len(known.node.pods))
        for each in known.node.pods:  # those who wait for their turn are no longer expected to answer
            if each in self._turns:
                self._turns.discard(each)
                self._turns.put(each, each.key.namespace, each.priority)

    def _probe_wait(self, node: Node[PolledSupervisor]) -> float:
        backoff = Backoff(self._timeouts.control_retry, LONGEST_PROBE_WAIT)
        return backoff.wait(node.probes, self._luck()).total_seconds()
