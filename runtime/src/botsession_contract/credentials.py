"""The bearer token of a session: derived, never stored.

HMAC-SHA256 over the session's UID with the operator's key. The pod is told only the token's SHA-256, so whoever may
read pods learns nothing, and there is no Secret per session to write, leak or clean up.
"""

import hashlib
import hmac


def session_token(key: bytes, uid: str) -> str:
    """Derive the bearer token of the session with this UID."""
    return hmac.new(key, uid.encode(), hashlib.sha256).hexdigest()


def token_digest(token: str) -> str:
    """Return what the pod is told: the token's SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_matches(presented: str, digest: str) -> bool:
    """Compare a presented token with the digest in constant time."""
    return hmac.compare_digest(token_digest(presented).encode(), digest.encode())
