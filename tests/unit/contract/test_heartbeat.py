"""A heartbeat on the wire: what is sent is read, and nothing else is."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.heartbeat import (
    MAX_DATAGRAM_BYTES,
    Heartbeat,
    from_datagram,
    heartbeat_id,
    heartbeat_key,
    to_datagram,
)

KEY: Final = heartbeat_key("ab" * 32)
CALL: Final = heartbeat_id("ab" * 32)
OTHER: Final = heartbeat_id("cd" * 32)
SENT: Final = to_datagram(CALL, 17, 5, KEY)


def received(raw: bytes) -> Heartbeat:
    beat = from_datagram(raw)
    assert beat
    return beat


def test_a_heartbeat_is_read_as_it_was_sent() -> None:
    beat = received(SENT)

    assert (beat.session, beat.sequence, beat.revision) == (CALL, 17, 5)
    assert beat.is_authentic(KEY)


def test_the_form_of_a_heartbeat_does_not_change() -> None:
    assert SENT.startswith(b"1 870efc8bb6d8395046b36948369948e5 17 5 ")
    assert SENT[-32:].hex() == "40747073d14631de5a172ed7ed28b0ac6a1150a12e2226429ec43168518a91c2"


def test_the_largest_numbers_fit_in() -> None:
    raw = to_datagram(CALL, 10**12 - 1, 10**12 - 1, KEY)

    assert len(raw) <= MAX_DATAGRAM_BYTES
    assert received(raw).is_authentic(KEY)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(SENT.replace(CALL, OTHER), id="another session"),
        pytest.param(SENT.replace(b" 17 ", b" 18 "), id="another sequence number"),
        pytest.param(SENT.replace(b" 5 ", b" 6 "), id="another revision"),
        pytest.param(SENT[:-1] + bytes([SENT[-1] ^ 1]), id="another signature"),
        pytest.param(to_datagram(CALL, 17, 5, heartbeat_key("cd" * 32)), id="the key of another session"),
    ],
)
def test_only_the_holder_of_the_key_sends_a_heartbeat(changed: bytes) -> None:
    assert not received(changed).is_authentic(KEY)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(SENT[:20], id="a part"),
        pytest.param(SENT.replace(b"1 ", b"2 ", 1), id="another version"),
        pytest.param(SENT.replace(b" 17 ", b" -1 "), id="a negative number"),
        pytest.param(SENT.replace(b" 17 ", b" " + b"9" * 13 + b" "), id="a number that is too long"),
        pytest.param(SENT.replace(b" 17 ", b" 1 7 "), id="a field too many"),
        pytest.param(SENT.replace(CALL, CALL * 4), id="too much"),
    ],
)
def test_anything_else_is_no_heartbeat(raw: bytes) -> None:
    assert from_datagram(raw) is None


@given(st.binary(max_size=300))
def test_no_datagram_raises(raw: bytes) -> None:
    beat = from_datagram(raw)
    assert beat is None or not beat.is_authentic(KEY)
