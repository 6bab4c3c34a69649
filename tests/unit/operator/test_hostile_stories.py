"""No answer of any pod keeps a session from finishing or from being deleted.

`BOTSESSION_EXAMPLES=4` tries four times as many; `python -m tests.fuzz` tries other ones each time.
"""

import asyncio
import json
from typing import Any, Final

import pytest
from hypothesis import given, settings

from botsession_contract.json_codec import encode, format_time
from tests.builders import later
from tests.examples import examples
from tests.hostile import ANSWERS, REPORT, STORIES, Story, check, live

RUNNING: Final = json.dumps(ANSWERS[1]).encode()


def report(**members: Any) -> bytes:
    return json.dumps({**encode(REPORT), **members}).encode()


def answer(number: int = 1, **members: Any) -> bytes:
    return json.dumps({**ANSWERS[number], **members}).encode()


def story_of(*answers: bytes, left: bytes = b"", **how: Any) -> Story:
    usual = {"is_deleted": False, "has_kubelet": True, "exit_code": 0, "ends_after": None}
    return Story(answers=answers, report=left, **{**usual, **how})


@pytest.mark.timeout(1800, func_only=True)
@given(STORIES)
@settings(max_examples=examples(500))
def test_no_answer_of_any_pod_keeps_a_session_from_finishing_or_from_being_deleted(story: Story) -> None:
    check(asyncio.run(live(story)), story)


def moving(number: int = 1, **members: str) -> tuple[bytes, ...]:
    """Return answers of which each says that something has only just happened."""
    return tuple(
        answer(number, now=format_time(later(second)), **{name: format_time(later(second)) for name in members})
        for second in range(0, 3000, 7)
    )


def endings(**members: Any) -> tuple[bytes, ...]:
    asked = (
        {"cause": "Evicted", "mode": "Immediate", "requestedAt": format_time(later(n)), **members}
        for n in range(0, 3000, 7)
    )
    return tuple(answer(2, ending=each, now=each["requestedAt"]) for each in asked)


@pytest.mark.parametrize("is_deleted", [False, True], ids=["over-due", "deleted"])
@pytest.mark.parametrize("has_kubelet", [False, True], ids=["no kubelet", "kubelet"])
@pytest.mark.parametrize(
    "story",
    [
        pytest.param(story_of(RUNNING), id="a supervisor that takes every request and does nothing"),
        pytest.param(story_of(answer(4)), id="one that says it is ending, and does not"),
        pytest.param(story_of(answer(3)), id="one that says it has finished, and stays"),
        pytest.param(story_of(*endings()), id="an ending that began only now, each time"),
        pytest.param(story_of(*endings(steps=[])), id="an ending without rungs that began only now, each time"),
        pytest.param(
            story_of(
                answer(2, ending={"cause": "Deleted", "mode": "Immediate", "requestedAt": "2199-12-31T00:00:00Z"})
            ),
            id="an ending in the year 2199",
        ),
        pytest.param(story_of(*moving(startedAt="")), id="a pipeline that started only now, each time"),
        pytest.param(story_of(*moving(0, calledAt="", listeningAt="")), id="a caller who came only now, each time"),
        pytest.param(story_of(*moving(botImportedAt="")), id="a bot that was imported only now, each time"),
        pytest.param(
            story_of(answer(deadline="2199-12-31T00:00:00Z")), id="a deadline that is never the one it is told"
        ),
        pytest.param(
            story_of(answer(now="2199-12-31T00:00:00Z"), answer(now="1970-01-01T00:00:00Z")),
            id="a clock that is set with each answer",
        ),
        pytest.param(
            story_of(
                answer(
                    state="Dreaming", ending={"cause": "Moved", "mode": "Slow", "requestedAt": "2026-01-31T12:00:00Z"}
                )
            ),
            id="words of another version",
        ),
        pytest.param(
            story_of(left=report(startedAt="9999-12-31T23:59:59Z")), id="a report from the end of the calendar"
        ),
        pytest.param(story_of(left=report(finishedAt="0001-01-01T00:00:00+14:00")), id="a report from its beginning"),
        pytest.param(story_of(left=report(timings={"drained": 1e300})), id="a report of 1e300 seconds"),
        pytest.param(story_of(left=report(result=1).replace(b'"result": 1', b'"result": NaN')), id="a report with NaN"),
        pytest.param(
            story_of(left=report(result=1).replace(b'"result": 1', b'"result": ' + b"9" * 400)), id="400 digits"
        ),
        pytest.param(story_of(left=report(danglingTasks={"count": 21, "names": ["n"] * 21})), id="21 names"),
        pytest.param(
            story_of(
                left=report(
                    ending={**encode(REPORT)["ending"], "steps": [{"step": "Kill", "at": "2026-01-31T12:00:00Z"}] * 17}
                )
            ),
            id="17 steps",
        ),
        pytest.param(story_of(left=report(frame="F" * 2000)), id="a frame of 2,000 characters"),
        pytest.param(story_of(left=b"[" * 4000), id="lists without an end"),
        pytest.param(story_of(left=report(message="\x1b]52;c;AA==\x07", stuckAt="\x9b31m")), id="orders to a terminal"),
        pytest.param(story_of(left=report(reason="Abducted", outcome="Evaporated")), id="a report of another version"),
        pytest.param(story_of(left=report(reason="Evicted", ending=None, startedAt=None)), id="a report with gaps"),
    ],
)
async def test_a_bot_cannot_keep_its_own_session(story: Story, is_deleted: bool, has_kubelet: bool) -> None:
    lived = Story(story.answers, story.report, is_deleted, has_kubelet, story.exit_code, story.ends_after)
    check(await live(lived), lived)


async def test_an_answer_that_is_another_each_time_is_not_written_each_time() -> None:
    story = story_of(
        *(answer(botImportedAt=format_time(later(-n)), clientConnectedAt=format_time(later(n))) for n in range(500))
    )
    world = await live(story)
    assert len(world.cluster.written) < 80
