"""The Webhook port over HTTP, signed as Standard Webhooks has it, so that receivers can check it by a library."""

from http import HTTPStatus
from typing import Final

import aiohttp
import standardwebhooks

from botsession_operator.core.clock import Clock
from botsession_operator.core.cloudevent import CONTENT_TYPE
from botsession_operator.core.delivery import Answer, Reply

#: A receiver should take a message and work on it afterwards; 15 to 30 s is what Standard Webhooks asks for.
TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0)


class HttpWebhook:
    """Posts messages to one URL."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secrets: tuple[str, ...], clock: Clock) -> None:
        self._session = session
        self._url = url
        #: More than one while a secret is being replaced: a receiver may know either.
        self._signers = tuple(standardwebhooks.Webhook(secret) for secret in secrets)
        self._clock = clock

    async def post(self, message_id: str, body: str) -> Reply:
        """Send a message once."""
        headers = {"Content-Type": CONTENT_TYPE, **self._signed(message_id, body)}
        request = self._session.post(
            self._url, data=body.encode(), headers=headers, timeout=TIMEOUT, allow_redirects=False
        )
        try:
            async with request as response:
                return Reply(_answer(response.status), str(response.status))
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            return Reply(Answer.FAILED, type(exc).__name__)

    def _signed(self, message_id: str, body: str) -> dict[str, str]:
        now = self._clock.now()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(message_id, now, body) for signer in self._signers),
        }


def _answer(status: int) -> Answer:
    if status == HTTPStatus.GONE:
        return Answer.GONE
    return Answer.DELIVERED if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES else Answer.FAILED
