"""The tests' lock on the operator: shared by many processes, or held by one alone."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT
from tests.e2e import operator_lock
from tests.e2e.operator_lock import Access, OperatorLock, must_be_alone

#: Says when it has the lock, and keeps it until it is told to go on.
TAKES = """
import sys
from pathlib import Path
from tests.e2e.operator_lock import Access, OperatorLock

lock = OperatorLock(Path(sys.argv[1]))
for each in sys.argv[2:]:
    lock.take(Access(each))
    print(each, flush=True)
    input()
"""
Process = subprocess.Popen[str]


@contextmanager
def process(folder: Path, *accesses: Access) -> Iterator[Process]:
    """Have another process take the lock, in one way after the other."""
    command: list[str | Path] = [sys.executable, "-c", TAKES, folder, *accesses]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        try:
            yield running
        finally:
            running.kill()


def has(running: Process) -> str:
    """Wait until a process has the lock; return how."""
    assert running.stdout
    return running.stdout.readline().strip()


def goes_on(running: Process) -> None:
    """Have a process take the lock in its next way, or end."""
    assert running.stdin
    running.stdin.write("\n")
    running.stdin.flush()


def is_free(folder: Path, access: Access) -> bool:
    """Return whether the lock could be had at once."""
    how = fcntl.LOCK_EX if access is Access.ALONE else fcntl.LOCK_SH
    with (folder / "operator.lock").open() as lock:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[OperatorLock]:
    """Return this process's lock."""
    lock = OperatorLock(tmp_path)
    yield lock
    lock.release()


def test_many_share_it(tmp_path: Path) -> None:
    with ExitStack() as processes:
        several = [processes.enter_context(process(tmp_path, Access.SHARED)) for _ in range(3)]
        assert [has(each) for each in several] == ["shared"] * 3


@pytest.mark.parametrize(
    ("first", "second"),
    [(Access.ALONE, Access.SHARED), (Access.SHARED, Access.ALONE), (Access.ALONE, Access.ALONE)],
)
def test_whoever_has_it_alone_is_alone(mine: OperatorLock, tmp_path: Path, first: Access, second: Access) -> None:
    mine.take(first)
    assert not is_free(tmp_path, second)
    with process(tmp_path, second) as other:
        mine.release()
        assert has(other) == second
        assert not is_free(tmp_path, first)


def test_a_process_that_dies_lets_go_of_it(mine: OperatorLock, tmp_path: Path) -> None:
    with process(tmp_path, Access.ALONE) as other:
        assert has(other) == "alone"
    mine.take(Access.ALONE)
    assert mine.access is Access.ALONE


def test_two_that_share_it_and_want_to_be_alone_are_so_one_after_the_other(tmp_path: Path) -> None:
    with process(tmp_path, Access.SHARED, Access.ALONE) as one, process(tmp_path, Access.SHARED, Access.ALONE) as two:
        assert (has(one), has(two)) == ("shared", "shared")
        goes_on(one)
        goes_on(two)
        goes_on(one)  # ends as soon as it has been alone
        goes_on(two)
        assert (has(one), has(two)) == ("alone", "alone")


def test_a_test_that_shares_the_operator_may_not_change_it(mine: OperatorLock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_lock, "OPERATOR_LOCK", mine)
    must_be_alone()
    mine.take(Access.ALONE)
    must_be_alone()
    mine.take(Access.SHARED)
    with pytest.raises(AssertionError, match="tests/e2e/alone"):
        must_be_alone()
