"""A leader whose process stands still, and wakes up when another one leads, sends nothing more and leaves."""

import asyncio
import signal
import sys

from botsession_operator.effects.lease import LeaderElector
from tests.leader import TIMINGS
from tests.lease_server import LEASE, connect, lease_server


async def test_a_paused_leader_that_wakes_up_late_writes_nothing_and_leaves() -> None:
    async with lease_server() as server, connect(server.url) as connected:
        paused = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.leader", server.url), stdout=asyncio.subprocess.PIPE
        )
        assert paused.stdout
        assert await paused.stdout.readline() == b"leading\n"
        paused.send_signal(signal.SIGSTOP)
        other = LeaderElector(connected, LEASE, "other", TIMINGS)
        standing = asyncio.create_task(other.run())
        try:
            await other.elected()
            written = list(server.others)
            paused.send_signal(signal.SIGCONT)
            assert await paused.wait() == 1
        finally:
            standing.cancel()
            if paused.returncode is None:
                paused.kill()
                await paused.wait()

    assert written
    assert server.others == written
    assert server.spec["holderIdentity"] == "other"
