from datetime import timedelta

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from botsession_operator.cli.render.columns import Layout, age, lines, row, widths
from tests.sessions import CREATED, after, finished, running, stored


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (331, "5m31s"),
        (601, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600 + 60, "8h"),
        (49 * 3600, "2d1h"),
        (8 * 86400, "8d"),
    ],
)
def test_age_is_written_as_kubectl_writes_it(seconds: int, text: str) -> None:
    assert age(CREATED, CREATED + timedelta(seconds=seconds)) == text


def test_running_session_shows_how_long_it_has_lasted_and_still_may() -> None:
    cells = row(stored(running()), Layout(), after(63))
    assert cells == ("support-42", "Running", "", "", "1m", "29m", "63s")


def test_finished_session_shows_why_and_how() -> None:
    cells = row(stored(finished(Reason.MAX_DURATION, Outcome.FORCED)), Layout(), after(200))
    assert cells == ("support-42", "Succeeded", "MaxDuration", "Forced", "1m", "", "3m20s")


def test_new_session_is_pending() -> None:
    assert row(stored(), Layout(), after(1)) == ("support-42", "Pending", "", "", "", "", "1s")


def test_wide_row_has_a_cell_for_each_name_of_its_head() -> None:
    layout = Layout(is_wide=True, has_namespaces=True)
    session = stored(running())
    session["status"]["url"] = "wss://bots.example/support-42"
    cells = dict(zip(layout.head, row(session, layout, after(5)), strict=True))
    assert cells["NAMESPACE"] == "bots"
    assert cells["NODE"] == "node-1"
    assert cells["URL"] == "wss://bots.example/support-42"


def test_cells_stand_below_their_head() -> None:
    rows = [("NAME", "PHASE"), ("a-long-name", "Running")]
    assert lines(rows, widths(rows)) == ["NAME          PHASE", "a-long-name   Running"]


def test_cell_that_has_become_wider_pushes_the_others_on() -> None:
    assert lines([("abcdef", "x")], [2, 1]) == ["abcdefx"]


ODD = ["1969-12-31T10:00:00Z", "2200-01-01T00:00:00Z", "0000-01-01T00:00:00Z"]


@pytest.mark.parametrize("odd", ODD)
def test_time_that_cannot_be_read_costs_its_own_cell(odd: str) -> None:
    session = stored(running())
    session["status"] |= {"startedAt": odd, "deadline": odd}
    session["metadata"]["creationTimestamp"] = odd
    assert row(session, Layout(), after(63)) == ("support-42", "Running", "", "", "?", "?", "?")
