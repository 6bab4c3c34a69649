"""The operator's control keys, from which the tokens of sessions are derived."""

from dataclasses import dataclass, field

from botsession_contract.credentials import session_token, token_digest


@dataclass(frozen=True, slots=True)
class ControlKeys:
    """The key for new sessions, and earlier ones, from which the tokens of sessions that still run may be derived."""

    current: bytes = field(repr=False)
    previous: tuple[bytes, ...] = field(default=(), repr=False)

    def token(self, uid: str, digest: str = "") -> str:
        """Return the token of a session: the one with this digest, or else the one that a new pod gets.

        A running pod knows the digest of its token, and says in nothing else which key that came from. An annotation
        with a key's name could be changed by anyone who may patch pods; a pod's environment cannot.
        """
        tokens = [session_token(key, uid) for key in (self.current, *self.previous)]
        return next((token for token in tokens if token_digest(token) == digest), tokens[0])
