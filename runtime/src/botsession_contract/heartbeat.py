"""The heartbeat of a supervisor: a small UDP datagram that says "I am alive, and this is how much news there was".

It carries no facts about the session. A reader that wants facts asks the supervisor for a snapshot.

    1 SESSION SEQUENCE REVISION <32 bytes of HMAC-SHA256 over all before>

The session's identifier, and the HMAC's key, are derived from what the pod holds of its session's token. So a reader
knows them too, and who reads the network learns neither the session's name nor the key. The sequence number rises with
each heartbeat, so that a reader can ignore one that is sent a second time.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

#: The operator's UDP port. It differs from its TCP port: some tools take two ports of one number for the same port.
HEARTBEAT_PORT: Final = 8476
MAX_DATAGRAM_BYTES: Final = 128
_VERSION: Final = b"1"
_MAC_BYTES: Final = 32
_MAX_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One heartbeat, as it was received. `is_authentic` says whether its sender has the session's key."""

    session: bytes
    sequence: int
    revision: int
    signed: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    def is_authentic(self, key: bytes) -> bool:
        """Return whether the sender has this key, in constant time."""
        return hmac.compare_digest(hmac.digest(key, self.signed, "sha256"), self.mac)


def heartbeat_key(token_sha256: str) -> bytes:
    """Return the key for the heartbeats of the session whose token has this digest."""
    return hashlib.sha256(b"botsession heartbeat key " + token_sha256.encode()).digest()


def heartbeat_id(token_sha256: str) -> bytes:
    """Return how heartbeats name the session whose token has this digest."""
    return hashlib.sha256(b"botsession heartbeat id " + token_sha256.encode()).hexdigest()[:32].encode()


def to_datagram(session: bytes, sequence: int, revision: int, key: bytes) -> bytes:
    """Return a heartbeat as it is sent."""
    signed = b"%b %b %d %d " % (_VERSION, session, sequence, revision)
    return signed + hmac.digest(key, signed, "sha256")


def from_datagram(raw: bytes) -> Heartbeat | None:
    """Return the heartbeat in a datagram; None where it is none, or one of another version."""
    signed = raw[:-_MAC_BYTES]
    parts = signed.split(b" ")
    if len(raw) > MAX_DATAGRAM_BYTES or len(parts) != 5 or parts[0] != _VERSION or parts[4]:
        return None
    _, session, sequence, revision, _ = parts
    if not (_is_number(sequence) and _is_number(revision)):
        return None
    return Heartbeat(session, int(sequence), int(revision), signed, raw[-_MAC_BYTES:])


def _is_number(text: bytes) -> bool:
    return len(text) <= _MAX_DIGITS and text.isdigit()
