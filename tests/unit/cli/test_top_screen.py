"""`botsession top` as it is watched: on a terminal, over an API server of the test's own."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest

from botsession_operator.cli.cli_error import Exit
from tests.apiserver import ApiServer
from tests.sessions import running, stored
from tests.terminals import LINES, PROMPT, Terminal, terminal

Json = dict[str, Any]
TOP: Final = "from botsession_operator.cli.app import app; app(['top'], prog_name='botsession')"


def live(name: str, minutes: float = 10) -> Json:
    """Return a session that has so many minutes left."""
    return stored(running(deadline=datetime.now(UTC) + timedelta(minutes=minutes)), name)


@pytest.fixture
def top(server: ApiServer, kubeconfig_file: Path) -> Iterator[Terminal]:
    server.add(live("support-42"))
    with terminal(TOP, KUBECONFIG=str(kubeconfig_file)) as shown:
        shown.until(named)
        yield shown


def named(lines: list[str]) -> list[str]:
    """Name the sessions on the screen, from top to bottom."""
    return [line.split()[0] for line in lines if " bots " in line]


def left(lines: list[str]) -> str:
    """Return the time that is left, as the first session's line shows it; nothing while that line is being drawn."""
    return next((line.split()[3] for line in lines if " bots " in line), "")


def test_sessions_are_drawn_on_a_screen_of_their_own_without_a_cursor(top: Terminal) -> None:
    assert named(top.lines) == ["support-42"]
    assert "1 Running" in top.lines
    assert PROMPT not in top.lines
    assert (top.screen.is_alternate, top.screen.cursor.hidden) == (True, True)


def test_new_session_appears_where_its_end_puts_it(server: ApiServer, top: Terminal) -> None:
    server.add(live("sooner", minutes=5))
    top.until(lambda lines: named(lines) == ["sooner", "support-42"])


def test_session_that_goes_leaves_nothing_behind(server: ApiServer, top: Terminal) -> None:
    server.sessions.clear()
    top.until(lambda lines: "no sessions" in lines and not named(lines))


def test_time_that_is_left_counts_down_without_asking_anew(server: ApiServer, kubeconfig_file: Path) -> None:
    server.add(live("support-42"))
    rarely = "from botsession_operator.cli import top; top.ASK_SECONDS = 3600"
    with terminal(f"{rarely}; {TOP}", KUBECONFIG=str(kubeconfig_file)) as top:
        before = left(top.until(named))
        top.until(lambda lines: left(lines) not in ("", before))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("key", "code"), [pytest.param("q", Exit.OK, id="q"), pytest.param("\x03", Exit.INTERRUPTED, id="Ctrl-C")]
)
def test_key_that_ends_it_leaves_the_terminal_as_it_was(key: str, code: Exit, top: Terminal) -> None:
    top.press(key)
    assert top.end() == code
    assert top.lines == [PROMPT]
    assert (top.screen.is_alternate, top.screen.cursor.hidden, top.is_as_it_was) == (False, False, True)


def test_somebody_who_terminates_it_finds_the_terminal_as_it_was(top: Terminal) -> None:
    top.terminate()
    assert top.end() == 128 + signal.SIGTERM
    assert top.lines == [PROMPT]
    assert (top.screen.is_alternate, top.screen.cursor.hidden, top.is_as_it_was) == (False, False, True)


def test_other_keys_are_neither_shown_nor_obeyed(server: ApiServer, top: Terminal) -> None:
    top.press("xyz\r")
    server.add(live("sooner", minutes=5))
    top.until(lambda lines: "sooner" in named(lines))
    assert "xyz" not in "\n".join(top.lines)


def test_cluster_that_stops_answering_ends_it_with_a_sentence_below_the_prompt(
    server: ApiServer, top: Terminal
) -> None:
    server.refusal = (HTTPStatus.SERVICE_UNAVAILABLE, "etcd is down")
    assert top.end() == Exit.UNREACHABLE
    assert top.lines == [PROMPT, "botsession: the cluster answered with an error: etcd is down"]
    assert (top.screen.cursor.hidden, top.is_as_it_was) == (False, True)


def test_more_sessions_than_lines_keep_the_count_and_those_that_end_first(server: ApiServer, top: Terminal) -> None:
    for number in range(LINES + 5):
        server.add(live(f"a-{number:02}", minutes=1 + number))
    # It asks whenever it likes: it may have asked while they were being added.
    lines = top.until(lambda lines: lines[0] == f"{LINES + 6} Running" and "a-01" in named(lines))
    assert named(lines)[:2] == ["a-00", "a-01"]
