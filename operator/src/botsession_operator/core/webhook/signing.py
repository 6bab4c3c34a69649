"""Rule: what messages to a webhook are signed with, as Standard Webhooks has it."""

import base64
from typing import Final

#: Standard Webhooks' own bounds, in bytes.
SHORTEST: Final = 24
LONGEST: Final = 64


class SigningError(ValueError):
    """Nothing can be signed with this; the message says what should be there."""


def signing_secrets(text: str) -> tuple[str, ...]:
    """Return the secrets that a file holds: more than one while a secret is being replaced, the newer one first."""
    secrets = tuple(text.split())
    if not secrets or not all(_is_secret(secret) for secret in secrets):
        raise SigningError(f"must hold whsec_ and the base64 of {SHORTEST} to {LONGEST} random bytes")
    return secrets


def _is_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return text.startswith("whsec_") and SHORTEST <= len(key) <= LONGEST
