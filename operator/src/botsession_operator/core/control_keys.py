"""The operator's control keys, from which the tokens of sessions are derived."""

from dataclasses import dataclass, field

from botsession_contract.credentials import session_token, token_digest


@dataclass(frozen=True, slots=True)
class ControlKeys:
    """The key for new sessions, and earlier ones, from which the tokens of sessions that still run may be derived."""

    current: bytes = field(repr=False)
    previous: tuple[bytes, ...] = field(default=(), repr=False)

    def token(self, uid: str, digest: str = "") -> str:
        """Return a session's token: the one with this digest, or else the one that a new pod gets.

        A running pod holds the digest of its token, which is the only sign of the key that the token came from. Anyone
        who may patch pods could change an annotation with the key's name, but no one can change a pod's environment.
        """
        tokens = [session_token(key, uid) for key in (self.current, *self.previous)]
        return next((token for token in tokens if token_digest(token) == digest), tokens[0])
