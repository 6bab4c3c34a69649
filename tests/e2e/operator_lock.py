"""The tests on the cluster share the operator, or a test has it alone: a lock that holds between pytest's processes.

A process that dies lets go of what it held.
"""

import fcntl
from enum import StrEnum
from pathlib import Path
from typing import IO, Final


class Access(StrEnum):
    """How a test has the operator, the nodes, and all else that is not in the test's own namespace."""

    #: Together with other tests, for it leaves all that as it is.
    SHARED = "shared"
    #: It changes some of that, or counts what the operator does.
    ALONE = "alone"


class OperatorLock:
    """A lock that many processes share, or one has alone. Who waits to be alone lets no further ones in before it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: IO[str] | None = None
        self._access: Access | None = None

    @property
    def access(self) -> Access | None:
        """Return how this process has the operator, None where it does not have it."""
        return self._access

    def take(self, access: Access) -> None:
        """Wait for the operator. A process that has it in one way lets go of it before it waits for the other."""
        if self._access is access:
            return
        self.release()
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "turnstile.lock").open("a") as turnstile:
            fcntl.flock(turnstile, fcntl.LOCK_EX)
            self._held = (self._folder / "operator.lock").open("a")
            fcntl.flock(self._held, fcntl.LOCK_EX if access is Access.ALONE else fcntl.LOCK_SH)
        self._access = access

    def release(self) -> None:
        """Let other processes have the operator."""
        if self._held:
            self._held.close()
        self._held = self._access = None


#: In the folder of the cluster that the operator is on.
OPERATOR_LOCK: Final = OperatorLock(Path(__file__).resolve().parents[2] / ".tools/e2e")


def must_be_alone() -> None:
    """Fail a test that would disturb others. Programs that are no tests, as the benchmarks, have no lock."""
    assert OPERATOR_LOCK.access is not Access.SHARED, "a test that changes the operator belongs into tests/e2e/alone"
