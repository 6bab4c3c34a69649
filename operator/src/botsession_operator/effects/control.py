"""The Control port over HTTP. What does not answer in time is Silence: the next pass asks again."""

import json
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog

from botsession_contract.control import END_PATH, SESSION_PATH, EndRequest, SessionPatch, SessionSnapshot
from botsession_contract.jsonform import PayloadError, decode, encode
from botsession_operator.core.observe import Pod, Silence
from botsession_operator.metrics import Action, Metrics, NoCode

log = structlog.get_logger("botsession")

#: A supervisor answers from memory; one that has not within this time is as good as silent.
TIMEOUT = aiohttp.ClientTimeout(total=2.0)


class HttpControl:
    """Talks to the supervisors in pods, each over its own address."""

    def __init__(self, session: aiohttp.ClientSession, metrics: Metrics) -> None:
        self._session = session
        self._metrics = metrics

    async def snapshot(self, pod: Pod, token: str) -> SessionSnapshot | Silence:
        """Ask what the supervisor knows."""
        return await self._call(Action.SNAPSHOT, "GET", SESSION_PATH, pod, token)

    async def end(self, pod: Pod, token: str, request: EndRequest) -> SessionSnapshot | Silence:
        """Ask for the end; asking twice is harmless."""
        return await self._call(Action.END, "POST", END_PATH, pod, token, request)

    async def adjust(self, pod: Pod, token: str, patch: SessionPatch) -> SessionSnapshot | Silence:
        """Tell the limits that have moved."""
        return await self._call(Action.ADJUST, "PATCH", SESSION_PATH, pod, token, patch)

    async def _call(
        self, action: Action, method: str, path: str, pod: Pod, token: str, body: Any = None
    ) -> SessionSnapshot | Silence:
        url = f"http://{_host(pod)}:{pod.control_port}{path}"
        headers = {"Authorization": f"Bearer {token}"}
        payload = None if body is None else encode(body)
        code: int | NoCode = NoCode.NO_ANSWER
        try:
            async with self._session.request(method, url, json=payload, headers=headers, timeout=TIMEOUT) as response:
                raw = await response.read()
                code = response.status
                if code == HTTPStatus.CONFLICT and action is not Action.SNAPSHOT:
                    # The session has gone on since it was looked at, so the change came too late: how far is it now?
                    return await self.snapshot(pod, token)
                response.raise_for_status()
                return decode(SessionSnapshot, json.loads(raw))
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            log.debug("supervisor silent", method=method, url=url, error=repr(exc))
            return Silence.UNREACHABLE
        except (ValueError, PayloadError) as exc:
            code = NoCode.UNREADABLE
            log.debug("supervisor not understood", method=method, url=url, error=repr(exc))
            return Silence.UNREACHABLE
        finally:
            self._metrics.asked(action, code)


def _host(pod: Pod) -> str:
    address = pod.address or ""
    return f"[{address}]" if ":" in address else address
