"""What the operator's log lets through to the terminal of a person who reads it."""

import logging

import pytest
import structlog

from botsession_contract.text import has_controls
from botsession_operator.__main__ import PlainFormatter, without_controls

ORDERS = "\x1b[2J\x1b]52;c;aGk=\x07 \x9b2J \u202e \r\b"


def test_what_a_bot_said_is_text_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.wrap_logger(
        structlog.PrintLogger(),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.processors.format_exc_info,
            without_controls,
            structlog.dev.ConsoleRenderer(colors=False),
        ],
    )
    try:
        raise ValueError(ORDERS)
    except ValueError:
        log.exception(ORDERS, answer=ORDERS, count=3)
    said = capsys.readouterr().out
    assert "count=3" in said
    assert "Traceback" in said
    assert not has_controls(said.replace("\n", ""))


def test_what_a_library_says_is_text_in_the_log() -> None:
    record = logging.LogRecord("aiohttp", logging.WARNING, "", 0, "bad request %s", (ORDERS,), None)
    assert not has_controls(PlainFormatter("%(message)s").format(record))
