"""Rule: the secrets that sign messages to a webhook, by the Standard Webhooks specification."""

import base64
from typing import Final

#: The bounds of Standard Webhooks, in bytes.
SHORTEST: Final = 24
LONGEST: Final = 64


class SigningError(ValueError):
    """A file holds no usable secret; the message says what it should hold."""


def signing_secrets(text: str) -> tuple[str, ...]:
    """Return the secrets in a file: two or more during a rotation, the newest first."""
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
