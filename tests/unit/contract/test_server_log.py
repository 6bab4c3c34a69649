"""What the log of a server holds."""

import logging

import pytest

from botsession_contract.server_log import server_logger


def test_faults_of_callers_are_dropped_and_bugs_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    logger = server_logger(ValueError)
    with caplog.at_level(logging.DEBUG):
        logger.error("a caller's", exc_info=UnicodeError("a kind of ValueError"))
        logger.error("a bug", exc_info=KeyError("x"))
        logger.error("no exception")

    assert [record.getMessage() for record in caplog.records] == ["a bug", "no exception"]
    assert "KeyError" in caplog.text


def test_other_servers_of_the_process_keep_their_log(caplog: pytest.LogCaptureFixture) -> None:
    server_logger(ValueError)

    logging.getLogger("aiohttp.server").error("theirs", exc_info=ValueError("x"))

    assert "theirs" in caplog.text
