"""What a supervisor makes of a time in which it was not given the processor."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.shutdown import Shutdown
from tests.processes import wait_for_exit
from tests.supervision import PATIENCE, Supervised, supervised

#: A bot whose pipeline has finished is killed where it is found to be there still.
AT_ONCE = Shutdown(grace_period_seconds=0, cancel_period_seconds=PATIENCE)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Return what lets the bot go."""
    os.mkfifo(tmp_path / "gate")
    # Open for reading too, so that nobody waits for the bot to open its end.
    ends = os.open(tmp_path / "gate", os.O_RDWR)

    def let_go() -> None:
        os.write(ends, b"go\n")

    yield let_go
    os.close(ends)


def bot_of(session: Supervised) -> int:
    pid = session.process.pid
    (bot,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(bot)


async def test_bot_that_has_left_meanwhile_is_not_said_to_have_been_killed(
    tmp_path: Path, gate: Callable[[], None]
) -> None:
    body = {"gate": str(tmp_path / "gate")}
    async with supervised(tmp_path, "waits.py", body=body, shutdown=AT_ONCE) as session:
        await session.snapshot()
        session.process.send_signal(signal.SIGSTOP)
        gate()
        assert wait_for_exit(bot_of(session))
        session.process.send_signal(signal.SIGCONT)
        report = await session.report()
    assert (report.reason, report.outcome, report.exit_code) == (Reason.COMPLETED, Outcome.DRAINED, 0)
    assert report.message is None
