"""The supervisor's log beside a bot that has the same standard error."""

import logging
import os
import select
import threading
from collections.abc import Callable, Iterator

import pytest
from loguru import logger

from botsession_runtime.log import MAX_WAITING, LineWriter, configure_log, log_event
from botsession_runtime.redact import Redactor

FULL = 1 << 20
SAID = "what a caller says"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def fill(writing: int) -> None:
    """Fill a pipe, as a bot does whose output nobody reads."""
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 4096)
    except BlockingIOError:
        pass


def drain(reading: int, writer: LineWriter) -> None:
    """Let the thread go that waits to write."""
    os.set_blocking(reading, True)
    closing = threading.Thread(target=writer.close)
    closing.start()
    while closing.is_alive() or select.select([reading], [], [], 0)[0]:
        if select.select([reading], [], [], 0.01)[0]:
            os.read(reading, FULL)


def test_lines_are_out_when_it_is_closed(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LineWriter(writing)
    writer.write("one\n")
    writer.write("two\n")
    writer.close()
    assert os.read(reading, FULL) == b"one\ntwo\n"


@pytest.mark.parametrize("blocking", [True, False])
def test_bot_that_fills_the_pipe_cannot_keep_its_supervisor(pipe: tuple[int, int], blocking: bool) -> None:
    reading, writing = pipe
    fill(writing)
    os.set_blocking(writing, blocking)
    writer = LineWriter(writing)
    for _ in range(3 * MAX_WAITING):
        writer.write("a line\n")
    assert writer.dropped >= MAX_WAITING
    drain(reading, writer)


def test_line_is_written_whole_into_a_pipe_that_a_bot_made_non_blocking(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    fill(writing)
    writer = LineWriter(writing)
    writer.write("a line\n")
    seen = b""
    while not seen.endswith(b"a line\n"):
        seen = os.read(reading, FULL)
    writer.close()


def test_no_line_gives_orders_to_a_terminal(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LineWriter(writing)
    writer.write("bot raised \x1b]52;c;aGk=\x07 \x9b2J \u202e \ud800\n\tand more\n")
    writer.close()
    assert os.read(reading, FULL).decode() == "bot raised \\x1b]52;c;aGk=\\x07 \\x9b2J \\u202e \\ud800\n\tand more\n"


def test_lines_are_written_without_secrets(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LineWriter(writing)
    writer.redact = Redactor(["pk-live-ALPHA0001"]).redact
    writer.write("bot raised ValueError: pk-live-ALPHA...\n")
    writer.close()
    assert os.read(reading, FULL) == b"bot raised ValueError: [redacted]\n"


def test_line_that_cannot_be_redacted_is_not_written(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = LineWriter(writing)
    writer.redact = lambda text: text[10_000]
    writer.write("secret\n")
    writer.close()
    assert os.read(reading, FULL) == b"botsession: a line could not be shown (IndexError)\n"


@pytest.fixture
def written(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Have the supervisor's log go into a pipe; return what has been written, once."""
    reading, writing = pipe
    monkeypatch.setattr(LineWriter.__init__, "__defaults__", (writing,))
    writer = configure_log()

    def read() -> str:
        writer.close()
        os.set_blocking(reading, False)
        return os.read(reading, FULL).decode()

    return read


def test_traceback_shows_no_variables(written: Callable[[], str]) -> None:
    def fail(said: str) -> None:
        raise ValueError("a bug" if said else "")

    try:
        fail(SAID)
    except ValueError:
        logger.exception("pass failed")
        logging.getLogger("aiohttp.server").exception("handler failed")
    text = written()
    assert text.count("ValueError: a bug") == 2
    assert SAID not in text


@pytest.mark.parametrize("name", ["aiohttp.server", "asyncio", "py.warnings"])
def test_library_speaks_through_the_supervisors_log(written: Callable[[], str], name: str) -> None:
    logging.getLogger(name).warning("bad %s", "request <red>{0}</red>")
    line = written()
    assert line.endswith(f"| WARNING | botsession: {name}: bad request <red>{{0}}</red>\n")
    assert line.count("\n") == 1


def test_event_of_the_bot_is_text_in_its_line(written: Callable[[], str]) -> None:
    log_event({"event": "crashed", "message": "{0} {message} <red>KeyError</red>"})
    assert written().endswith("botsession: bot raised {0} {message} <red>KeyError</red>\n")
