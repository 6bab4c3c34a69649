"""The Webhook port over HTTP, signed by the Standard Webhooks specification, for which receivers have libraries.

The signing secret is read for each message, since the kubelet updates the file when the Secret is edited. A message
that cannot be signed is not sent, and is retried like a failed one, so a wrong Secret loses no message.
"""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
import standardwebhooks

from botsession_operator.core.clock import Clock
from botsession_operator.core.observe.webhook_delivery import Answer, Reply
from botsession_operator.core.webhook.backoff import parse_retry_after
from botsession_operator.core.webhook.cloudevent import CONTENT_TYPE
from botsession_operator.core.webhook.signing import SigningError, signing_secrets
from botsession_operator.effects.uncontested_lease import UNCONTESTED
from botsession_operator.ports import Lease

#: Standard Webhooks recommends 15 to 30 s. A receiver should answer first, and process the message afterwards.
TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0)


class HttpWebhook:
    """Sends messages to one URL."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        secret_file: Path,
        clock: Clock,
        lease: Lease = UNCONTESTED,
    ) -> None:
        self._session = session
        #: Without the lease nothing is sent: the leader sends it.
        self._lease = lease
        self._url = url
        self._secret_file = secret_file
        self._clock = clock

    async def post(self, message_id: str, body: str) -> Reply:
        """Send a message once."""
        try:
            secrets = await asyncio.to_thread(self._secrets)
        except OSError as exc:
            return Reply(Answer.UNSIGNED, f"the signing secret cannot be read: {exc.strerror}")
        except SigningError as exc:
            return Reply(Answer.UNSIGNED, f"the signing secret {exc}")
        signed = self._signed(message_id, body, secrets)
        if self._lease.seconds_left() <= 0:
            return Reply(Answer.FAILED, "the lease is lost")
        return await self._post(body, signed)

    async def _post(self, body: str, signed: dict[str, str]) -> Reply:
        headers = {"Content-Type": CONTENT_TYPE, **signed}
        request = self._session.post(
            self._url, data=body.encode(), headers=headers, timeout=TIMEOUT, allow_redirects=False
        )
        try:
            async with request as response:
                asked = parse_retry_after(response.status, response.headers.get("Retry-After"), self._clock.now())
                return Reply(_answer(response.status), str(response.status), asked)
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            return Reply(Answer.FAILED, type(exc).__name__)

    def _secrets(self) -> tuple[str, ...]:
        return signing_secrets(self._secret_file.read_text(errors="replace"))

    def _signed(self, message_id: str, body: str, secrets: tuple[str, ...]) -> dict[str, str]:
        now = self._clock.now()
        # There are several secrets during a rotation, when a receiver may know the old or the new one.
        signers = (standardwebhooks.Webhook(secret) for secret in secrets)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(message_id, now, body) for signer in signers),
        }


def _answer(status: int) -> Answer:
    if status == HTTPStatus.GONE:
        return Answer.GONE
    return Answer.DELIVERED if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES else Answer.FAILED
