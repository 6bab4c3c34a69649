"""The label by which the Service for pokes finds the pod of the operator that leads."""

import asyncio
from typing import Final, Protocol

from kubernetes.aio import client
from loguru import logger as log

from botsession_operator.api.spec import Json
from botsession_operator.core.api_resources import PODS, Target
from botsession_operator.core.names import LEADER_LABEL
from botsession_operator.effects import api, api_responses
from botsession_operator.errors import RequestRefused, TransientError
from botsession_operator.ports import Lease

RETRY_SECONDS: Final = 2.0


class Election(Lease, Protocol):
    """The election that the label follows."""

    predecessor: str | None

    async def elected(self) -> None:
        """Wait until this operator leads."""
        ...


class LeaderLabel:
    """Sets the label, as best effort: without it pokes are lost, and sessions wait for their next requeue."""

    def __init__(self, connected: client.ApiClient, namespace: str, pod: str) -> None:
        self._client = connected
        self._namespace = namespace
        self._pod = pod

    async def follow(self, lease: Election) -> None:
        """Label this operator's pod when it becomes the leader, and remove the label from its predecessor's."""
        await self._set(self._pod, None)  # the pod's previous process may have led
        await lease.elected()
        await self._set(self._pod, "true", lease)
        if lease.seconds_left() > 0 and lease.predecessor and lease.predecessor != self._pod:
            await self._set(lease.predecessor, None)  # it may be paused, or its node out of reach

    async def _set(self, pod: str, value: str | None, lease: Lease | None = None) -> None:
        """Set or remove the label, however long the API server is away; give up where a lease is given and lost."""
        target, patch = Target(PODS, self._namespace, pod), {"metadata": {"labels": {LEADER_LABEL: value}}}
        while lease is None or lease.seconds_left() > 0:
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
