"""A process that stands for election and writes all the time while it leads; it leaves with 1 when it has lost.

`python -m tests.leader URL`. It prints `leading` when its first write was answered.
"""

import asyncio
import sys
from typing import Final

from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.election import LeaseTimings
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.effects.lease import LeaderElector
from botsession_operator.errors import LeaseLost, RequestRefused
from tests.builders import pod
from tests.lease_server import LEASE, connect

#: A third of the defaults: enough for a machine that stands still for a second or two.
TIMINGS: Final = LeaseTimings(lease_duration=6.0, renew_deadline=4.0, retry_period=0.5, look_period=0.2)


async def lead(url: str, identity: str) -> None:
    """Write until the lease is lost."""
    async with connect(url) as connected:
        elector = LeaderElector(connected, LEASE, identity, TIMINGS)
        standing = asyncio.create_task(elector.run())
        await elector.elected()
        writing = asyncio.create_task(_write(KubernetesCluster(connected, identity, elector)))
        await standing
        writing.cancel()


async def _write(cluster: KubernetesCluster) -> None:
    said = False
    while True:
        try:
            await cluster.delete_pod(pod(), PodDeletion.NORMAL)
        except RequestRefused:  # it has arrived
            if not said:
                print("leading", flush=True)
            said = True
        except LeaseLost:
            await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(lead(sys.argv[1], "paused"))
    sys.exit(1)
