"""The ways in which Pipecat's own examples end, chain and hang up: each as tests/patterns/table.yaml has it."""

from itertools import pairwise
from pathlib import Path

import pytest

from botsession_contract.report import ExitReport
from botsession_contract.shutdown import Shutdown
from tests.patterns import recorded, table
from tests.patterns.table import Way
from tests.supervision import BOTS, PATIENCE, Supervised, supervised

#: Clocks and their reading, in seconds.
TOLERANCE = 0.05


def session_of(folder: Path, way: Way) -> Supervised:
    """Return a session with the bot of a way, by its path or, for a program, by its command line."""
    grace, cancel = way.periods or (PATIENCE, PATIENCE)
    shutdown = Shutdown(grace_period_seconds=grace, cancel_period_seconds=cancel)
    bot = f"patterns/{way.bot}"
    if "argument" not in way.body:
        return supervised(folder, bot, body=way.body, shutdown=shutdown)
    session = Supervised(folder, None, shutdown=shutdown)
    session.fields["command"] = (session.fields["python"], str(BOTS / bot), way.body["argument"])
    return session


def waits_of(report: ExitReport) -> list[float]:
    """Return how long each step but the first came after the one before."""
    steps = report.ending.steps if report.ending else ()
    return [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(steps)]


@pytest.mark.parametrize("way", [pytest.param(way, id=way.key) for way in table.ways()])
async def test_way_is_recorded_as_the_table_has_it(tmp_path: Path, way: Way, request: pytest.FixtureRequest) -> None:
    async with session_of(tmp_path, way) as session:
        report = await session.report()
    seen = table.recorded_of(report)
    assert seen == way.recorded
    assert [text for text in way.logged if text not in session.log] == []
    for wait, period in zip(waits_of(report), way.after, strict=bool(way.after)):
        assert wait >= seconds_of(way, period) - TOLERANCE
    request.config.stash[recorded.SEEN][way.key] = seen
    if not request.config.option.record_ways:
        assert recorded.read().get(way.key) == seen, f"{recorded.RECORDED.name} does not have this: make endings"


def seconds_of(way: Way, period: str) -> float:
    """Return how long a period of a way's bounds is."""
    grace, cancel = way.periods or (0.0, 0.0)
    return {"gracePeriod": grace, "cancelPeriod": cancel}.get(period) or float(period.removesuffix(" s"))
