"""Asks supervisors that answer when a test has them answer, on a clock that the test moves."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot
from botsession_contract.lifecycle import Cause, Mode
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.core.observe.observed import Freshness, NoSnapshot, Pod, Reading
from botsession_operator.core.session_key import Key
from botsession_operator.supervisor_poller import (
    SupervisorPoller,
)
from tests.builders import KEY, pod, snapshot
from tests.fake_cluster import FakeClock

GOOD: Final = Key("bots", "good")
TIMEOUTS: Final = ControllerTimeouts()
FIRST_WAIT: Final = TIMEOUTS.control_retry.total_seconds()
GRACEFUL: Final = EndRequest(Mode.GRACEFUL, Cause.END_REQUESTED)
IMMEDIATE: Final = EndRequest(Mode.IMMEDIATE, Cause.END_REQUESTED)
PATCH: Final = SessionPatch(deadline=None)
CROWD: Final = 300
UNKNOWN: Final = Reading(NoSnapshot.NOT_ASKED, Freshness.EARLIER)
SILENT: Final = Reading(NoSnapshot.UNREACHABLE, Freshness.CURRENT)
STILL_SILENT: Final = Reading(NoSnapshot.UNREACHABLE, Freshness.EARLIER)
Answer = SessionSnapshot | NoSnapshot


@dataclass
class Question:
    """What a supervisor has been asked, and has not answered until the test says so."""

    name: str
    request: EndRequest | SessionPatch | None
    answer: "asyncio.Future[Answer]" = field(default_factory=asyncio.Future)


class Asked:
    """The Control port to supervisors that answer when the test has them answer."""

    def __init__(self) -> None:
        self.questions: list[Question] = []

    async def snapshot(self, pod: Pod, token: str) -> Answer:
        return await self._ask(pod, None)

    async def end(self, pod: Pod, token: str, request: EndRequest) -> Answer:
        return await self._ask(pod, request)

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> Answer:
        return await self._ask(pod, patch)

    async def _ask(self, pod: Pod, request: EndRequest | SessionPatch | None) -> Answer:
        self.questions.append(Question(pod.name, request))
        return await self.questions[-1].answer

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.questions]

    @property
    def open(self) -> list[Question]:
        return [each for each in self.questions if not each.answer.done()]


class Polling:
    """A poller, on a clock that the test moves, and the sessions that it has marked dirty."""

    def __init__(self) -> None:
        self.clock, self.control, self.dirty = FakeClock(), Asked(), list[Key]()
        self.poller = SupervisorPoller(
            self.control, self.clock, TIMEOUTS, self.dirty.append, lambda: self.clock.now().timestamp(), lambda: 1.0
        )

    async def read(self, key: Key = KEY, **its: str) -> Reading:
        """Read as a pass does, and let what it began be asked."""
        reading = self.poller.read(key, of(key, **its), token_of(key))
        await turn()
        return reading

    async def end(self, request: EndRequest, key: Key = KEY) -> None:
        await self.poller.end(key, of(key), token_of(key), request)
        await turn()

    async def answer(self, *names: str, with_: Answer | None = None) -> None:
        """Have the supervisors of these names answer, or all."""
        for question in self.control.open:
            if not names or question.name in names:
                question.answer.set_result(with_ or snapshot())
        await turn()

    async def be_silent(self, *names: str) -> None:
        await self.answer(*names, with_=NoSnapshot.UNREACHABLE)

    async def be_silent_to_the_end(self) -> None:
        """Have nobody answer who is asked, or has waited for a turn."""
        while self.control.open:
            await self.be_silent()

    async def meet(self, keys: list[Key]) -> None:
        """Have sessions answer, and asked again."""
        for key in keys:
            await self.read(key)
        while self.control.open:
            await self.answer()
        for key in keys:
            assert (await self.read(key)).freshness is Freshness.CURRENT
            await self.read(key)

    async def fall_silent(self, keys: list[Key]) -> None:
        """Have sessions found silent that have answered before, and that seen by their passes."""
        await self.meet(keys)
        await self.be_silent_to_the_end()
        self.control.questions.clear()
        for key in keys:
            assert await self.read(key) == SILENT

    async def wait(self, seconds: float) -> None:
        self.clock.pass_(seconds)
        await turn()


def of(key: Key, *, uid: str = "", node: str = "node-1", address: str = "10.0.0.7") -> Pod:
    return pod(name=key.name, uid=uid or key.name, node_name=node, address=address)


def token_of(key: Key) -> str:
    return f"token of {key}"


def crowd(number: int = CROWD) -> list[Key]:
    return [Key("crowd", f"silent-{each}") for each in range(number)]


async def turn() -> None:
    """Let the tasks that have something to do do it."""
    for _ in range(5):
        await asyncio.sleep(0)
