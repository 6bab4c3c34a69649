"""The supervisor's log beside a bot that has the same standard error."""

import os
import select
import threading
from collections.abc import Iterator

import pytest

from botsession_runtime.log import MOST_WAITING, LineWriter
from botsession_runtime.redact import Redactor

FULL = 1 << 20


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
    for _ in range(3 * MOST_WAITING):
        writer.write("a line\n")
    assert writer.dropped >= MOST_WAITING
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
