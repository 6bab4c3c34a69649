"""The label by which the Service for pokes finds the pod of the operator that leads."""

import asyncio
from typing import Final

from kubernetes.aio import client
from loguru import logger as log

from botsession_operator.api.spec import Json
from botsession_operator.core.api_resources import PODS, Target
from botsession_operator.core.names import LEADER_LABEL
from botsession_operator.effects import api, api_responses
from botsession_operator.effects.lease import LeaderElector
from botsession_operator.errors import RequestRefused, TransientError

RETRY_SECONDS: Final = 2.0


class LeaderLabel:
    """Best effort: without the label pokes are lost, and the slow recheck makes up for them."""

    def __init__(self, connected: client.ApiClient, namespace: str, pod: str) -> None:
        self._client = connected
        self._namespace = namespace
        self._pod = pod

    async def follow(self, lease: LeaderElector) -> None:
        """Have this operator's pod carry the label from when it leads, and no other."""
        await self._set(self._pod, None)  # the process before may have led
        await lease.elected()
        await self._set(self._pod, "true")
        if lease.predecessor and lease.predecessor != self._pod:
            await self._set(lease.predecessor, None)  # it may be paused, or its node lost

    async def _set(self, pod: str, value: str | None) -> None:
        target, patch = Target(PODS, self._namespace, pod), {"metadata": {"labels": {LEADER_LABEL: value}}}
        while True:
            try:
                await self._patch(target, patch)
            except TransientError as exc:
                log.debug("leader label not set", pod=pod, error=str(exc))
                await asyncio.sleep(RETRY_SECONDS)
            except RequestRefused as exc:
                log.warning("leader label refused", pod=pod, error=str(exc))
                return
            else:
                return

    async def _patch(self, target: Target, patch: Json) -> None:
        answer = await api.request(self._client, "PATCH", target.path(), patch, api.MERGE_PATCH)
        if not api_responses.is_missing(answer, target):
            api_responses.expect(answer)
