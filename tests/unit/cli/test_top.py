import io
from datetime import timedelta

from rich.console import Console

from botsession_operator.cli.top import count, rows, table
from tests.builders import NOW
from tests.sessions import after, finished, running, stored

SESSIONS = [
    stored(running(deadline=after(1000)), "later"),
    stored(running(deadline=after(90)), "sooner"),
    stored(name="new"),
    stored(finished(), "over"),
]


def drawn(width: int) -> str:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as capture:
        console.print(table(SESSIONS, after(63)))
    return capture.get()


def test_who_ends_first_is_on_top_and_who_is_over_is_not_there() -> None:
    assert [cells[0] for cells in rows(SESSIONS, NOW)] == ["sooner", "later", "new"]


def test_time_that_is_left_counts_down() -> None:
    lefts = [rows(SESSIONS, NOW + timedelta(seconds=seconds))[0][4] for seconds in (60, 61)]
    assert lefts == ["30s", "29s"]


def test_all_sessions_are_counted_by_phase() -> None:
    assert count(SESSIONS) == "1 Pending, 2 Running, 1 Succeeded"
    assert "1 Pending, 2 Running, 1 Succeeded" in drawn(120)


def test_narrow_terminal_still_shows_what_is_left() -> None:
    assert "27s" in drawn(80)


def test_one_odd_time_costs_no_other_session_its_row() -> None:
    odd = stored(running(), "odd")
    odd["status"] |= {"startedAt": "1969-12-31T10:00:00Z", "deadline": "2200-01-01T00:00:00Z"}
    found = [*SESSIONS, odd]
    assert {cells[0]: cells[3:5] for cells in rows(found, after(63))}["odd"] == ("?", "?")
    assert table(found, after(63)).row_count == 4
