"""How the events of several processes become those of one session."""

from typing import Any

import pytest

from botsession_runtime.sources import Sources

Told = tuple[int, dict[str, Any]]


def event(name: str, **more: Any) -> dict[str, Any]:
    return {"event": name, "at": 1.0, **more}


def finished(reason: str = "") -> dict[str, Any]:
    return event("finished", frame="EndFrame", reason=reason, ours=False)


def hop(held_by: str | None) -> dict[str, Any]:
    return event("hop", frame="EndFrame", held_by=held_by, ours=True)


def dangling(count: int | None, managed: int | None, *names: str) -> dict[str, Any]:
    return event("dangling", count=count, managed=managed, names=list(names))


def merged(*told: Told) -> list[dict[str, Any]]:
    sources = Sources()
    return [each for number, one in told for each in sources.merge(number, one)]


def begun(*numbers: int) -> list[Told]:
    return [(number, event(name)) for number in numbers for name in ("hooked", "started")]


HOOKED, STARTED, OVER = event("hooked"), event("started"), event("over")


def test_events_of_one_process_pass_unchanged() -> None:
    story = [
        HOOKED,
        STARTED,
        event("client"),
        hop("A"),
        hop(None),
        finished(),
        OVER,
        dangling(2, 1, "t"),
        STARTED,
        OVER,
    ]
    assert merged(*[(3, each) for each in story]) == story


def test_process_that_only_waits_holds_nothing_back() -> None:
    assert merged((0, event("imported")), *begun(1), (1, finished("x")), (1, OVER))[-2:] == [finished("x"), OVER]


def test_end_is_held_back_while_another_process_has_a_pipeline() -> None:
    told = merged(*begun(1, 2), (1, finished("first")), (1, OVER), (2, finished("last")), (2, OVER))
    assert told[4:] == [finished("last"), OVER]


@pytest.mark.parametrize("end", [OVER, event("crashed", message="x")])
def test_process_without_a_finish_event_is_over_too(end: dict[str, Any]) -> None:
    assert merged(*begun(1, 2), (1, end), (2, finished("last")))[4:] == [finished("last")]


def test_process_that_is_lost_is_told_where_it_was_the_last() -> None:
    assert merged(*begun(1, 2), (1, event("lost")), (2, event("lost")))[4:] == [event("lost")]


def test_process_that_is_lost_before_its_start_leaves_the_end_of_the_others() -> None:
    assert merged(*begun(1), (2, HOOKED), (1, finished("x")), (2, event("lost")))[3:] == [finished("x")]


def test_pipeline_that_starts_after_another_keeps_its_process() -> None:
    told = merged(*begun(1, 2), (1, finished()), (1, STARTED), (2, finished()), (1, finished("last")))
    assert [each for each in told if each["event"] == "finished"] == [finished("last")]


def test_what_holds_the_end_in_one_process_is_not_hidden_by_another() -> None:
    assert merged(*begun(1, 2), (1, hop("A")), (2, hop(None)))[-1]["held_by"] == "A"


def test_client_of_one_process_stays_when_that_of_another_leaves() -> None:
    clients = [(1, event("client")), (2, event("client"))]
    told = merged(*begun(1, 2), *clients, (1, event("left")), (2, event("left")))
    assert [each["event"] for each in told].count("left") == 1


def test_farewell_that_one_process_gives_is_not_refused_by_another() -> None:
    gives, refuses = event("farewell", state="Queued", refused=None), event("farewell", state=None, refused="NoTTS")
    assert refuses not in merged((1, gives), (2, refuses))
    assert refuses in merged((1, refuses), (2, gives))


@pytest.mark.parametrize(
    ("others", "own", "told"),
    [
        pytest.param(dangling(2, 1, "a"), dangling(3, 0, "b"), dangling(5, 1, "b", "a"), id="sums"),
        pytest.param(dangling(0, None), dangling(None, 2, "b"), dangling(None, 2, "b"), id="what one cannot count"),
        pytest.param(dangling(2**31 - 1, 0), dangling(9, 0), dangling(2**31 - 1, 0), id="no more than a status holds"),
    ],
)
def test_tasks_of_all_processes_are_added(others: Any, own: Any, told: Any) -> None:
    assert merged((1, others), (2, own))[-1] == told


def test_live_process_is_asked_for_its_stacks_first() -> None:
    sources = Sources()
    for number, pid in ((0, 10), (1, 11)):
        list(sources.merge(number, event("dumpable", pid=pid, signal=41, thread=1)))
    list(sources.merge(1, HOOKED))
    assert [each.pid for each in sources.dumpables()] == [11, 10]


def test_process_that_becomes_another_program_does_not_hold_its_own_end_back() -> None:
    sources = Sources()
    list(sources.merge(1, HOOKED))
    sources.replace(1, 2)
    assert list(sources.merge(2, HOOKED)) == [HOOKED]
    assert list(sources.merge(2, finished())) == [finished()]
