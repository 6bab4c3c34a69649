"""What an operator does about its lease: it stands for election, works once it leads, and lets go when it leaves."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from uuid import uuid4

from kubernetes.aio import client

from botsession_operator.core.api_resources import LEASES, Target
from botsession_operator.effects.leader_label import LeaderLabel
from botsession_operator.effects.lease import UNCONTESTED, LeaderElector, Uncontested
from botsession_operator.settings import Settings


def make_lease(connected: client.ApiClient, settings: Settings) -> LeaderElector | Uncontested:
    """Return the lease of this operator. A pod's name is nobody else's; outside a cluster two may have one name."""
    if settings.lease is None:
        return UNCONTESTED
    identity = settings.pod_name or f"{settings.identity}_{uuid4().hex[:8]}"
    return LeaderElector(connected, Target(LEASES, *settings.lease), identity)


def stand(
    stack: AsyncExitStack,
    lease: LeaderElector | Uncontested,
    ready: asyncio.Event,
    stop: asyncio.Event,
    lead: Callable[[], None],
) -> asyncio.Task[None]:
    """Stand for election once the watches run; call `lead` when elected, and stop the operator when the lease is lost.

    The stack releases the lease after all that is entered later. Call this before kopf starts: it cancels what is begun
    after it.
    """

    async def run() -> None:
        await ready.wait()
        await lease.run()

    async def work() -> None:
        await lease.elected()
        lead()

    async def resign() -> None:
        for task in (standing, working):
            task.cancel()
        await asyncio.gather(standing, working, return_exceptions=True)
        await lease.release()

    standing, working = asyncio.create_task(run()), asyncio.create_task(work())
    standing.add_done_callback(lambda _: stop.set())
    stack.push_async_callback(resign)
    return standing


def show_leader(
    stack: AsyncExitStack, connected: client.ApiClient, lease: LeaderElector | Uncontested, settings: Settings
) -> None:
    """Have the Service for pokes find this operator's pod while it leads."""
    if settings.lease and settings.pod_name and isinstance(lease, LeaderElector):
        label = LeaderLabel(connected, settings.lease[0], settings.pod_name)
        following = asyncio.create_task(label.follow(lease))
        stack.callback(following.cancel)
