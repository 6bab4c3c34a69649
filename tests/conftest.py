"""What every run of tests does with the facts about Pipecat that some tests prove (tests/support.py)."""

import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests import scheduling, slow
from tests.patterns import recorded
from tests.pipecats import VERSIONS, Fact
from tests.support import COMMITTED, Table, version_of

FOUND = pytest.StashKey[Table]()
COMMITTED_TABLE = Table.read(COMMITTED)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-support", metavar="FILE", type=Path, help="write which facts held into FILE")
    parser.addoption("--record-ways", metavar="FILE", type=Path, help="write what each way to end came to into FILE")


def pytest_configure(config: pytest.Config) -> None:
    is_recording = config.option.record_support or config.option.record_ways
    if is_recording and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("what is recorded is found in one process: leave --numprocesses out")
    config.stash[FOUND] = Table()
    config.stash[recorded.SEEN] = {}


@pytest.fixture(scope="session")
def support(pytestconfig: pytest.Config) -> Table:
    """Return what this run has found so far."""
    return pytestconfig.stash[FOUND]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect what is known of each version, mark what is slow, and have the older versions come late.

    Those may still be on their way.
    """
    for item in items:
        if why := slow.reason(item.nodeid):
            item.add_marker(pytest.mark.slow(why))
        known = Fact.of(item)
        if known and not known.holds_in(version_of(item)):
            item.add_marker(pytest.mark.xfail(strict=True, reason=f"Pipecat {version_of(item)}: {known.otherwise}"))
    items.sort(key=_turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have processes run tests in the order of tests/scheduling.py.

    xdist's own groups are not seen by pytest 9.2: it takes no notice of a node id that is changed after collection.
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # not there with the older Pipecats

    class OneCluster(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed
        def _split_scope(self, nodeid: str) -> str:
            return scheduling.group_of(nodeid)

        def _assign_work_unit(self, node: Any) -> None:
            running = (work.get(scheduling.ALONE, {}) for work in self.assigned_work.values())
            is_one_alone = any(not is_over for group in running for is_over in group.values())
            process = self.nodes.index(node)
            chosen = scheduling.next_group(self.workqueue, process, is_one_alone=is_one_alone)
            self.workqueue.move_to_end(chosen, last=False)
            super()._assign_work_unit(node)

    return OneCluster(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Note what a test found of a fact; a test that failed says which fact is in question."""
    report = yield
    known = Fact.of(item)
    if known and call.when == "call":
        version = version_of(item)
        item.config.stash[FOUND].note(known, item.nodeid.partition("[")[0], version, holds=report.passed)
        if report.failed:
            report.longrepr = f"With Pipecat {version} this no longer holds: {known.sentence}\n\n{report.longreprtext}"
        elif not item.config.option.record_support and not COMMITTED_TABLE.says(known, version, holds=report.passed):
            report.outcome = "failed"
            report.longrepr = (
                f"{COMMITTED.name} does not say of Pipecat {version} what was found; make support: {known}"
            )
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    path = session.config.option.record_support
    if path and exitstatus == pytest.ExitCode.OK:
        session.config.stash[FOUND].write(path)
    ways = session.config.option.record_ways
    if ways and exitstatus == pytest.ExitCode.OK:
        recorded.write(ways, session.config.stash[recorded.SEEN])


def _turn(item: pytest.Item) -> tuple[bool, int]:
    """Fast tests, older Pipecats one after the other, the cluster: each waits for what is made in the background."""
    is_old = item.get_closest_marker("old_pipecat") is not None
    return item.get_closest_marker("cluster") is not None, VERSIONS.index(version_of(item)) if is_old else -1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long a script took that ran more than pytest. Pytest's own line is still the last one."""
    if began := os.environ.get("BOTSESSION_TESTS_BEGAN"):
        minutes, seconds = divmod(round(time.time()) - int(began), 60)
        terminalreporter.write_line(f"{minutes} min {seconds} s in all, lint included")
