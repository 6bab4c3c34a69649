"""What the processes of one run of tests tell each other about the cluster, by files.

All but the ids of tests that are over is read and written by processes that have the operator's lock.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Final

Settings = tuple[str, ...]


class RunState:
    """The state of one run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trouble = folder / "trouble.txt"
        self._settings = folder / "settings.json"
        self._over = folder / "over.txt"
        #: Whether this process has read where the cluster is. The environment may say so from the start.
        self.is_connected = False

    @property
    def trouble(self) -> str | None:
        """Return why there is no cluster, empty where there is one, None where this run has not looked yet."""
        return self._trouble.read_text() if self._trouble.exists() else None

    def note_trouble(self, why: str) -> None:
        """Tell why there is no cluster, or that there is one. What earlier runs told is forgotten."""
        shutil.rmtree(self._folder.parent, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._trouble.write_text(why)

    @property
    def settings(self) -> Settings | None:
        """Return with which settings this run has installed the operator, None where it is not installed."""
        return tuple(json.loads(self._settings.read_text())) if self._settings.exists() else None

    def note_settings(self, settings: Settings | None) -> None:
        """Tell with which settings the operator is installed, or that it is not, or that it is being changed."""
        if settings is None:
            self._settings.unlink(missing_ok=True)
        elif self._folder.exists():
            self._settings.write_text(json.dumps(settings))

    @property
    def over(self) -> frozenset[str]:
        """Return the ids of the tests that are over."""
        return frozenset(self._over.read_text().splitlines()) if self._over.exists() else frozenset()

    def note_over(self, test_id: str) -> None:
        """Tell that a test is over."""
        with self._over.open("a") as over:
            over.write(f"{test_id}\n")


#: xdist tells its processes the run that they belong to; without it the run is this process.
RUN: Final = RunState(
    Path(__file__).resolve().parents[2]
    / ".tools/e2e/runs"
    / os.environ.get("PYTEST_XDIST_TESTRUNUID", f"process-{os.getpid()}")
)
