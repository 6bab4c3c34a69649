"""What a supervisor reads of whatever its bot writes."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botsession_runtime.line_reader import MAX_LINE_LENGTH, MAX_TAIL_BYTES, READ_BYTES, LineReader


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def read_all(reader: LineReader) -> list[bytes]:
    found: list[bytes] = []
    while (lines := reader.read()) is not None:
        found += lines
    return found


def test_lines_arrive_whole_though_they_come_in_pieces(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    reader = LineReader(ours)
    theirs.send(b"one\ntw")
    assert reader.read() == [b"one"]
    theirs.send(b"o\n")
    assert reader.read() == [b"two"]


def test_one_read_takes_no_more_than_its_share(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.send(b"a\n" * READ_BYTES)
    lines = LineReader(ours).read()
    assert lines is not None
    assert len(lines) == READ_BYTES // 2


def test_line_without_an_end_is_dropped_and_counted_and_the_next_is_read(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    reader = LineReader(ours)
    for _ in range(3 * MAX_LINE_LENGTH // READ_BYTES):
        theirs.send(b"x" * READ_BYTES)
        assert read_all(reader) == []
    theirs.send(b"\nnext\n")
    assert (read_all(reader), reader.dropped) == ([b"next"], 1)


def test_end_of_the_other_side_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    reader = LineReader(ours)
    assert (reader.read(), reader.is_at_end) == (None, False)
    theirs.close()
    assert (reader.read(), reader.is_at_end) == (None, True)


class Endless:
    """A socket with always more to read."""

    def __init__(self, piece: bytes) -> None:
        self._piece = piece
        self.given = 0

    def recv(self, size: int) -> bytes:
        self.given += min(size, len(self._piece))
        return self._piece[:size]


def test_what_is_read_at_the_end_is_bounded() -> None:
    endless = Endless(b"{}\n" * READ_BYTES)
    for _ in LineReader(endless).read_rest():  # type: ignore[arg-type]  # all that it uses
        pass
    assert endless.given <= MAX_TAIL_BYTES


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_become_the_lines_that_are_in_them(pieces: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        reader, found = LineReader(ours), []
        for piece in pieces:
            theirs.send(piece)
            found += read_all(reader)
    *lines, _ = b"".join(pieces).split(b"\n")
    assert found == [line for line in lines if line]
