"""What events from the bot's process change."""

from typing import Any

import pytest

from botsession_contract.lifecycle import Step
from botsession_runtime.facts import Facts, Finish, Rung, learn

FRESH = Facts(began=0.0)


def told(*events: dict[str, Any], facts: Facts = FRESH) -> Facts:
    for number, event in enumerate(events):
        facts = learn(facts, {"at": float(number + 1), **event})
    return facts


def finished(frame: str, *, ours: bool = False) -> dict[str, Any]:
    return {"event": "finished", "frame": frame, "reason": None, "ours": ours}


def hop(frame: str, held_by: str | None, *, ours: bool = False) -> dict[str, Any]:
    return {"event": "hop", "frame": frame, "held_by": held_by, "ours": ours}


@pytest.mark.parametrize("event", [{"event": "news"}, {}, {"event": ""}])
def test_unknown_event_says_nothing(event: dict[str, Any]) -> None:
    assert told(event) == FRESH


def test_first_root_worker_to_start_starts_the_session() -> None:
    assert told({"event": "started"}, {"event": "started"}).started_at == 1.0


def test_clients_are_told_of_where_any_root_worker_has_a_transport_that_does() -> None:
    assert not told({"event": "started", "clients": False}).has_clients
    assert told({"event": "started", "clients": True}, {"event": "started", "clients": False}).has_clients


def test_last_activity_is_kept_whenever_it_is_told() -> None:
    assert told({"event": "active", "at": 7.0}, {"event": "active", "at": 5.0}).active_at == 7.0


def test_first_root_worker_to_finish_is_the_conversation() -> None:
    assert told(finished("EndFrame"), finished("CancelFrame")).finish == Finish("EndFrame", None, is_ours=False, at=1.0)


def test_end_frame_is_followed_to_who_holds_it() -> None:
    facts = told(hop("EndFrame", "A#0"), hop("EndFrame", "B#0"))
    assert (facts.end_held_by, facts.has_end_in_flight, facts.own_end_at) == ("B#0", True, 1.0)


def test_end_frame_that_came_out_is_held_by_nobody() -> None:
    assert told(hop("EndFrame", "A#0"), hop("EndFrame", None)).end_held_by is None


def test_our_own_frame_is_no_end_of_the_bots() -> None:
    assert told(hop("EndFrame", "A#0", ours=True)).own_end_at is None


def test_cancel_that_had_to_be_forced_is_recorded_as_such() -> None:
    facts = Facts(began=0.0, rungs=(Rung(Step.CANCEL_FRAME, 7.0),))
    took = {"event": "took", "step": "ForcedCancelFrame"}
    assert told(took, facts=facts).rungs == (Rung(Step.FORCED_CANCEL_FRAME, 7.0),)


def test_longer_list_of_dangling_tasks_is_kept() -> None:
    by_launcher = {"event": "dangling", "count": 2, "names": ["a", "b"]}
    by_hook = {"event": "dangling", "count": 1, "names": ["a"]}
    assert told(by_launcher, by_hook).dangling.count == 2


def test_only_fatal_errors_are_remembered() -> None:
    error = {"event": "error", "message": "m"}
    assert told({**error, "fatal": False}).fatal_error is None
    assert told({**error, "fatal": True}).fatal_error == "m"
