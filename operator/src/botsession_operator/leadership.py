"""Leader election in the life of an operator: it starts the election, works while it leads, and releases the lease."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import uuid4

from kubernetes.aio import client

from botsession_operator.core.api_resources import LEASES, Target
from botsession_operator.effects.leader_label import LeaderLabel
from botsession_operator.effects.lease import LeaderElector
from botsession_operator.effects.rival_leases import RivalLeases
from botsession_operator.effects.uncontested_lease import UNCONTESTED, Uncontested
from botsession_operator.settings import Settings


def make_lease(connected: client.ApiClient, settings: Settings) -> LeaderElector | Uncontested:
    """Return the lease of this operator. Its identity is the pod's name, or outside a cluster a unique one."""
    if settings.lease is None:
        return UNCONTESTED
    identity = settings.pod_name or f"{settings.identity}_{uuid4().hex[:8]}"
    (namespace, family), shard = settings.lease, settings.shard
    rivals = RivalLeases(connected, namespace, family, shard)
    return LeaderElector(connected, Target(LEASES, namespace, shard.lease_name(family)), identity, rivals=rivals)


def start_election(
    stack: AsyncExitStack,
    lease: LeaderElector | Uncontested,
    ready: asyncio.Event,
    stop: asyncio.Event,
    lead: Callable[[], Awaitable[None]],
) -> asyncio.Task[None]:
    """Start the election once the store has all objects; call `lead` when elected. The loss sets `stop`.

    The stack releases the lease after it has closed all that is entered later. Call this before kopf starts, since kopf
    cancels tasks that are created after its start.
    """

    async def run() -> None:
        await ready.wait()
        await lease.run()

    async def work() -> None:
        await ready.wait()
        await lease.elected()
        await lead()

    async def resign() -> None:
        for task in (election, leading):
            task.cancel()
        await asyncio.gather(election, leading, return_exceptions=True)
        await lease.release()

    election, leading = asyncio.create_task(run()), asyncio.create_task(work())
    election.add_done_callback(lambda _: stop.set())
    stack.push_async_callback(resign)
    return election


def label_leader(
    stack: AsyncExitStack, connected: client.ApiClient, lease: LeaderElector | Uncontested, settings: Settings
) -> None:
    """Label this operator's pod while it leads, so that the Service for pokes selects it."""
    if settings.lease and settings.pod_name and isinstance(lease, LeaderElector):
        label = LeaderLabel(connected, settings.lease[0], settings.pod_name)
        following = asyncio.create_task(label.follow(lease))
        stack.callback(following.cancel)
