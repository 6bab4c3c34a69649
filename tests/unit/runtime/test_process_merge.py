"""How the events of several processes become those of one session."""

from typing import Any

import pytest

from botsession_runtime.process_merge import MAX_NUMBERS, Sources

Sent = tuple[int, dict[str, Any]]


def event(name: str, **more: Any) -> dict[str, Any]:
    return {"event": name, "at": 1.0, **more}


def finished(root: int = 0, reason: str = "") -> dict[str, Any]:
    return event("finished", root=root, frame="EndFrame", reason=reason, ours=False)


def started(root: int = 0) -> dict[str, Any]:
    return event("started", root=root, clients=False)


def dangling(count: int | None, managed: int | None, *names: str) -> dict[str, Any]:
    return event("dangling", count=count, managed=managed, names=list(names))


def merging(sources: Sources, *sent: Sent) -> list[dict[str, Any]]:
    return [each for number, one in sent for each in sources.merge(number, one)]


def merged(*sent: Sent) -> list[dict[str, Any]]:
    return merging(Sources(), *sent)


def begun(*numbers: int) -> list[Sent]:
    return [sent for number in numbers for sent in ((number, HOOKED), (number, started()))]


HOOKED, OVER = event("hooked"), event("over")


def test_events_of_the_first_process_pass_unchanged() -> None:
    story = [HOOKED, started(3), event("client"), finished(3), OVER, dangling(2, 1, "t"), started(4), OVER]
    assert merged(*[(0, each) for each in story]) == story


def test_pipelines_of_two_processes_have_different_numbers() -> None:
    sent = merged((0, started(7)), (2, started(7)), (2, finished(10**9)), (2, event("setup", root=1, runner=5)))
    assert [each["root"] for each in sent] == [7, 2 * MAX_NUMBERS + 7, 3 * MAX_NUMBERS - 1, 2 * MAX_NUMBERS + 1]
    assert sent[-1]["runner"] == 2 * MAX_NUMBERS + 5


def test_process_that_only_waits_holds_nothing_back() -> None:
    sent = merged((0, event("imported")), *begun(1), (1, finished(reason="x")), (1, OVER))
    assert [each["event"] for each in sent[-2:]] == ["finished", "over"]


@pytest.mark.parametrize("end", [OVER, event("crashed", message="x"), event("serving")])
def test_what_is_said_of_one_process_is_held_back_while_another_has_a_pipeline(end: dict[str, Any]) -> None:
    assert end not in merged(*begun(1, 2), (1, finished()), (1, end))
    assert end in merged(*begun(1, 2), (1, finished()), (2, finished()), (1, end))


def test_crash_of_the_first_process_counts_once_that_is_gone_with_a_pipeline_of_another() -> None:
    crash = event("crashed", message="x")
    sources = Sources()
    assert crash not in merging(sources, (0, event("imported")), *begun(1), (0, crash))
    assert list(sources.deferred_crash()) == [crash]


def test_crash_of_the_first_process_that_waited_for_the_others_means_nothing() -> None:
    sources = Sources()
    merging(sources, *begun(1), (0, event("crashed", message="x")), (1, finished()), (1, OVER))
    assert list(sources.deferred_crash()) == []


def test_crash_of_another_process_is_not_kept() -> None:
    sources = Sources()
    merging(sources, *begun(1, 2), (2, finished()), (2, event("crashed", message="x")))
    assert list(sources.deferred_crash()) == []


def test_process_of_which_one_pipeline_goes_on_holds_the_others_back() -> None:
    assert OVER not in merged(*begun(1, 2), (1, started(5)), (1, finished()), (2, OVER))


def test_process_that_starts_another_pipeline_later_has_one_again() -> None:
    assert OVER not in merged(*begun(1, 2), (1, finished()), (1, OVER), (1, started(2)), (2, OVER))[5:]


def test_process_that_is_lost_takes_its_pipelines_along() -> None:
    sources = Sources()
    merging(sources, *begun(1, 2), (2, event("setup", root=1, runner=0)))
    assert sources.lost(2, 9.0) == event("gone", roots=[2 * MAX_NUMBERS, 2 * MAX_NUMBERS + 1]) | {"at": 9.0}
    assert sources.lost(1, 9.0) == event("lost", roots=[MAX_NUMBERS]) | {"at": 9.0}
    assert sources.lost(1, 9.0) is None


@pytest.mark.parametrize("end", [event("crashed", message="x"), event("quit", message="no key")])
def test_process_that_crashes_in_mid_call_is_lost_when_it_is_gone(end: dict[str, Any]) -> None:
    sources = Sources()
    merging(sources, *begun(1), (1, end))
    assert sources.lost(1, 9.0) == event("lost", roots=[MAX_NUMBERS]) | {"at": 9.0}
    assert sources.lost(1, 9.0) is None


def test_process_that_crashes_after_its_pipeline_is_not_lost() -> None:
    sources = Sources()
    merging(sources, *begun(1), (1, finished()), (1, event("crashed", message="x")))
    assert sources.lost(1, 9.0) is None


def test_process_whose_pipelines_have_finished_is_not_lost() -> None:
    sources = Sources()
    merging(sources, *begun(1), (1, finished()))
    assert sources.lost(1, 9.0) is None
    assert sources.lost(7, 9.0) is None


def test_client_of_one_process_stays_when_that_of_another_leaves() -> None:
    clients = [(1, event("client")), (2, event("client"))]
    sent = merged(*begun(1, 2), *clients, (1, event("left")), (2, event("left")))
    assert [each["event"] for each in sent].count("left") == 1


def test_farewell_that_one_process_gives_is_not_refused_by_another() -> None:
    gives, refuses = event("farewell", state="Queued", refused=None), event("farewell", state=None, refused="NoTTS")
    assert refuses not in merged((1, gives), (2, refuses))
    assert refuses in merged((1, refuses), (2, gives))


def test_turns_of_all_processes_are_added() -> None:
    sent = merged(*[(number, event("turns", bot=3, caller=number)) for number in (1, 2)])
    assert (sent[-1]["bot"], sent[-1]["caller"]) == (6, 3)


@pytest.mark.parametrize(
    ("others", "own", "sent"),
    [
        pytest.param(dangling(2, 1, "a"), dangling(3, 0, "b"), dangling(5, 1, "b", "a"), id="sums"),
        pytest.param(dangling(0, None), dangling(None, 2, "b"), dangling(None, 2, "b"), id="what one cannot count"),
        pytest.param(dangling(2**31 - 1, 0), dangling(9, 0), dangling(2**31 - 1, 0), id="no more than a status holds"),
    ],
)
def test_tasks_of_all_processes_are_added(others: Any, own: Any, sent: Any) -> None:
    assert merged((1, others), (2, own))[-1] == sent


def test_live_process_is_asked_for_its_stacks_first() -> None:
    sources = Sources()
    for number, pid in ((0, 10), (1, 11)):
        merging(sources, (number, event("dumpable", pid=pid, signal=41, thread=1)))
    merging(sources, (1, HOOKED))
    assert [each.pid for each in sources.dumpables()] == [11, 10]
