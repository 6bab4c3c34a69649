"""The Leases of operators with another number of shards: they own some of the same sessions.

Both kinds run side by side while a rollout changes the number of shards.
"""

from collections.abc import Callable

from kubernetes.aio import client
from loguru import logger as log

from botsession_operator.core.api_resources import LEASES
from botsession_operator.core.election import Election
from botsession_operator.core.shards import Shard
from botsession_operator.effects import api, api_responses
from botsession_operator.effects.lease import boot_seconds, lease_record


class RivalLeases:
    """Reads the Leases of rivals, and finds out which have expired by how long each was seen unchanged."""

    def __init__(
        self,
        connected: client.ApiClient,
        namespace: str,
        family: str,
        shard: Shard,
        seconds: Callable[[], float] = boot_seconds,
    ) -> None:
        self._client = connected
        self._namespace = namespace
        self._family = family
        self._shard = shard
        self._seconds = seconds
        self._known: dict[str, Election] = {}
        self._reported: list[str] = []
        #: Rivals have another number of shards, so they wait for another time.
        self.retreat_seconds = 2.0 + shard.count

    async def are_gone(self) -> bool:
        """Return whether no rival holds a Lease that may still be valid."""
        asked_at = self._seconds()
        answer = await api.request(self._client, "GET", LEASES.collection(self._namespace))
        answered_at = self._seconds()
        found = {
            str(each["metadata"]["name"]): lease_record(each)
            for each in api_responses.items_of(answer, LEASES, self._namespace, {})
        }
        self._known = {
            name: self._known.get(name, Election("")).observe(record, answered_at)
            for name, record in found.items()
            if self._shard.is_rival_lease(name, self._family)
        }
        # An answer may be slow. It shows the Leases as they were when the request was sent, or later.
        held = sorted(name for name, lease in self._known.items() if lease.is_held_by_other(asked_at))
        if held != self._reported:
            log.info("waiting for operators with another number of shards", leases=held)
        self._reported = held
        return not held
