"""Whoever runs in a pod, and says what they like: to the operator's questions, and in the container's last words.

Each story is one session from its start to its end, with what was generated in the places of the answers and of the
exit report. It is told to the whole operator but for the network: gate, plan, status, write.
"""

import copy
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from hypothesis import strategies as st

from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot, snapshot_from_bytes
from botsession_contract.json_codec import PayloadError, encode
from botsession_contract.lifecycle import BotState, Cause, Farewell, Mode, Outcome, Reason, Step
from botsession_contract.report import DanglingTasks, Ending, ExitReport, Prompts, StepTaken, Timings
from botsession_operator.core.observe.observed import NoSnapshot, Pod
from tests.builders import NOW, snapshot
from tests.fakes import FakeControl, World
from tests.manifests import Json

#: What is put in any place of a payload: the ends of every range, and each type of JSON.
EXTREMES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 2**31, -(2**63), 2**63, 10**30, 1e300, -1e300, 1e-300, 0.5, "", "x", [], {}),
    *("9" * 400, "x" * 5000, "\x00\x1b]52;c;AA==\x07", "\u202e\u2028", "\ud800", "Abducted", "Unknown", "Finished"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"),
    *("2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z", "2025-01-31T12:00:00Z", [{}] * 40, ["n"] * 40, [[[[]]]]),
)
#: No JSON value, so put into the text.
RAW: Final = ("NaN", "-Infinity", "1e999", "9" * 400, "[" * 3000, '{"a":' * 500, "\x00", '"\\ud800"')
ENDING: Final = Ending(Cause.DELETED, Mode.GRACEFUL, NOW, (StepTaken(Step.END_FRAME, NOW),), Farewell.SPOKEN)
REPORT: Final = ExitReport(
    Reason.COMPLETED,
    Outcome.DRAINED,
    NOW,
    "EndFrame",
    "over",
    0,
    "P#0",
    DanglingTasks(1, ("n",), 1),
    Timings(1.0, 2.0, 3.0, 4.0),
    NOW,
    NOW,
    ENDING,
    NOW,
    {"a": [1]},
    Prompts(1, NOW),
)
FACTS: Final[dict[str, Any]] = {
    each.name: NOW for each in fields(SessionSnapshot) if each.name.endswith("_at") and each.name != "report"
}
ANSWERS: Final = tuple(
    encode(each)
    for each in (
        snapshot(BotState.STARTING),
        snapshot(BotState.RUNNING),
        snapshot(BotState.ENDING, ending=ENDING),
        snapshot(BotState.FINISHED, ending=ENDING, report=REPORT),
        SessionSnapshot(BotState.RUNNING, NOW, **{**FACTS, "ending": ENDING}),
    )
)
MAX_LOOKS: Final = 60


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of each member, however deep."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [each for key, item in pairs for each in ((*at, key), *places(item, (*at, key)))]


@st.composite
def almost(draw: st.DrawFn, payload: Json) -> bytes:
    """Return a payload in which a few places hold something else."""
    changed, marks = copy.deepcopy(payload), {}
    for number in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(places(payload)))
        value = draw(st.sampled_from(EXTREMES) | st.text(max_size=20) | st.integers() | st.sampled_from(RAW))
        if value in RAW and draw(st.booleans()):
            marks[f'"mark-{number}"'], value = value, f"mark-{number}"
        _put(changed, place, value)
    text = json.dumps(changed)
    for mark, raw in marks.items():
        text = text.replace(mark, raw)
    return text.encode("utf-8", "surrogatepass")


def _put(inside: Any, place: tuple[Any, ...], value: Any) -> None:
    for key in place[:-1]:
        if not isinstance(inside, dict | list) or (isinstance(inside, list) and len(inside) <= key):
            return
        inside = inside.get(key) if isinstance(inside, dict) else inside[key]
    if isinstance(inside, dict):
        inside[place[-1]] = value


REPORTS: Final = st.binary(max_size=300) | almost(encode(REPORT)) | almost(encode(REPORT))
SNAPSHOTS: Final = st.binary(max_size=100) | st.sampled_from(ANSWERS).flatmap(almost)


@dataclass(frozen=True, slots=True)
class Story:
    """What a pod says, and what becomes of its session."""

    #: Given in turn; an empty one is silence.
    answers: tuple[bytes, ...]
    report: bytes
    is_deleted: bool
    #: Whether the kubelet ends the container on a SIGTERM.
    has_kubelet: bool
    exit_code: int
    #: When the container ends by itself, in looks; None: it does not.
    ends_after: int | None


STORIES: Final = st.builds(
    Story,
    answers=st.lists(SNAPSHOTS, max_size=5).map(tuple),
    report=REPORTS,
    is_deleted=st.booleans(),
    has_kubelet=st.booleans(),
    exit_code=st.sampled_from([0, 1, 137, 255]),
    ends_after=st.none() | st.integers(0, 4),
)


class Liar(FakeControl):
    """Whoever listens on a pod's address."""

    def __init__(self, now: Any, answers: tuple[bytes, ...]) -> None:
        super().__init__(now)
        self._answers: Iterator[bytes] = itertools.cycle(answers or (b"",))

    async def snapshot(self, pod: Pod, token: str) -> SessionSnapshot | NoSnapshot:
        return self._say()

    async def end(self, pod: Pod, token: str, request: EndRequest) -> SessionSnapshot | NoSnapshot:
        return self._say()

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> SessionSnapshot | NoSnapshot:
        return self._say()

    def _say(self) -> SessionSnapshot | NoSnapshot:
        try:
            return snapshot_from_bytes(next(self._answers))
        except PayloadError:
            return NoSnapshot.UNREACHABLE


async def live(story: Story) -> World:
    """Live a session through, by one operator; give the world as it is long after its time."""
    world = World()
    world.control = Liar(world.clock.now, story.answers)
    world.operator = world.deps()
    world.apply(maxSessionDuration="2m", startTimeout="1m", joinTimeout="10s")
    await look(world)
    world.schedule()
    world.run_container()
    await look(world)
    if story.is_deleted:
        world.delete()
    for number in range(MAX_LOOKS):
        await look(world)
        if world.is_empty:
            break
        _kubelet(world, story, number)
        world.clock.pass_(30)
    await look(world)
    return world


async def look(world: World) -> None:
    """Run passes as long as something asks for one. That they come to rest is part of what is held."""
    await world.settle()


def _kubelet(world: World, story: Story, number: int) -> None:
    if not world.cluster.pods.names() or not world.control.supervisors:
        return
    is_told = "deletionTimestamp" in world.stored_pod["metadata"] and story.has_kubelet
    if is_told or number == story.ends_after:
        message = story.report.decode("utf-8", "replace")
        world.end_container(message, "Error" if story.exit_code else "Completed", story.exit_code)


def check(world: World, story: Story) -> None:
    """No answer of any pod keeps a session from finishing or from being deleted."""
    if story.is_deleted:
        assert world.is_empty, "the deleted session, or its pod, is still there"
        return
    status = world.status
    assert status.finish, "the session has not finished long after its time"
    assert isinstance(status.finished_at, datetime)
    assert not world.cluster.pods.names(), "the pod of the finished session is still there"
    assert len(world.cluster.finishes) == 1
    assert world.cluster.refused_statuses == [], "a status was written that the API server refuses"
