"""The loops of the command line end, wait between two tries, and lose nobody's change."""

import itertools
import time
from http import HTTPStatus
from typing import Any, Final

import pytest

from botsession_contract.lifecycle import Cause, Outcome, Reason
from botsession_operator.cli.cli_error import Exit
from botsession_operator.cli.retry_delay import MAX_DELAY_SECONDS, RetryDelay
from tests.apiserver import ApiServer
from tests.sessions import asked, finished, running, stored
from tests.unit.cli.conftest import Botsession

Json = dict[str, Any]
OVER = finished(Reason.END_REQUESTED, Outcome.DRAINED)
EXPIRED: Final = {"kind": "Status", "code": 410}


def version(number: int, session: Json, uid: str | None = None) -> Json:
    """Return a later version of a session."""
    metadata = {**session["metadata"], "resourceVersion": str(number)}
    return {**session, "metadata": metadata | ({"uid": uid} if uid else {})}


@pytest.fixture(autouse=True)
def delay(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Take no time for delay, and note them."""
    taken: list[float] = []
    monkeypatch.setattr(time, "sleep", taken.append)
    return taken


@pytest.mark.parametrize("expired", [[EXPIRED], HTTPStatus.GONE])
def test_wait_ends_where_the_session_went_while_nobody_watched(
    server: ApiServer, botsession: Botsession, expired: Any
) -> None:
    server.add(stored(running()))
    server.changes, server.forgets = [expired, [stored(OVER)]], {"support-42"}
    result = botsession("end", "support-42", "--wait")
    assert result.exit_code == Exit.NOT_FOUND
    assert "support-42 is gone" in result.stderr
    assert len(server.changes) == 1


def test_wait_ends_where_another_session_has_the_name(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(running()))
    server.changes = [[version(8, stored(running()), uid="another")]]
    result = botsession("end", "support-42", "--wait")
    assert (result.exit_code, server.changes) == (Exit.NOT_FOUND, [])


def test_wait_goes_on_from_a_version_that_is_forgotten(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(running()))
    server.changes = [HTTPStatus.GONE, [version(8, stored(OVER))]]
    assert botsession("end", "support-42", "--wait").exit_code == Exit.OK


def test_watch_that_closes_at_once_is_opened_again_after_longer_and_longer_pauses(
    server: ApiServer, botsession: Botsession, delay: list[float]
) -> None:
    server.add(stored(running()))
    server.changes = [*([[]] * 12), [version(8, stored(OVER))]]
    assert botsession("end", "support-42", "--wait").exit_code == Exit.OK
    assert len(delay) == 11
    assert all(later >= earlier for earlier, later in itertools.pairwise(delay))
    assert delay[-1] == MAX_DELAY_SECONDS


@pytest.mark.parametrize("error", [[EXPIRED], HTTPStatus.GONE])
def test_watch_that_always_fails_is_no_hot_loop(
    server: ApiServer, botsession: Botsession, delay: list[float], error: Any
) -> None:
    server.add(stored(running()))
    server.changes = [error] * 12
    assert botsession("list", "-w").exit_code == Exit.FORBIDDEN  # when the server has no more to say
    assert delay[-1] == MAX_DELAY_SECONDS


def test_watch_that_repeats_itself_is_no_hot_loop(
    server: ApiServer, botsession: Botsession, delay: list[float]
) -> None:
    server.add(stored(running()))
    server.changes = [[version(8, stored(running()))]] * 12
    botsession("get", "support-42", "-w")
    assert delay[-1] == MAX_DELAY_SECONDS


def test_news_makes_the_next_pause_short_again(delay: list[float]) -> None:
    loop = RetryDelay()
    for _ in range(9):
        loop.wait()
    loop.reset()
    loop.wait()
    loop.wait()
    assert delay[-1] < 1 < delay[-2]


def test_extension_is_added_to_what_another_has_written_meanwhile(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(running(), maxSessionDuration="30m"))
    server.meanwhile = [version(8, stored(running(), maxSessionDuration="40m")), version(9, stored(running()))]
    result = botsession("extend", "support-42", "+10m")
    assert result.exit_code == Exit.OK
    assert server.sessions["support-42"]["spec"]["maxSessionDuration"] == "40m"


def test_extension_comes_too_late_where_the_session_ends_meanwhile(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(running()))
    server.meanwhile = [version(8, stored(OVER))]
    result = botsession("extend", "support-42", "+10m")
    assert (result.exit_code, "has ended" in result.stderr) == (Exit.REFUSED, True)


@pytest.mark.parametrize("command", [("extend", "support-42", "+10m"), ("end", "support-42")])
def test_change_is_not_made_to_another_session_of_the_name(
    server: ApiServer, botsession: Botsession, command: tuple[str, ...]
) -> None:
    server.add(stored(running()))
    server.meanwhile = [version(8, stored(running()), uid="another")]
    result = botsession(*command)
    assert (result.exit_code, "another session" in result.stderr) == (Exit.NOT_FOUND, True)
    assert server.sessions["support-42"]["spec"] == stored(running())["spec"]


def test_change_of_what_changes_all_the_time_is_given_up(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(running()))
    server.meanwhile = [version(number, stored(running())) for number in range(8, 30)]
    result = botsession("extend", "support-42", "+10m")
    assert (result.exit_code, "keeps changing" in result.stderr) == (Exit.REFUSED, True)


def test_end_needs_no_version(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(running()))
    server.meanwhile = [version(8, stored(running(ending=asked(Cause.MAX_DURATION))))]
    assert botsession("end", "support-42").exit_code == Exit.OK
    assert server.sessions["support-42"]["spec"]["end"] == "Graceful"
