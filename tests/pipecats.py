"""The Pipecat versions that tests run against, the interpreter that has each, and what is known to differ."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import pytest

ROOT: Final = Path(__file__).parent.parent
#: Oldest first. The newest is the one in .venv.
VERSIONS: Final = tuple(
    line for line in (ROOT / "requirements" / "pipecat-versions.txt").read_text().split("\n") if line[:1].isdigit()
)
NEWEST: Final = VERSIONS[-1]

#: Runs a test of sessions once per version, with the supervisor and the bot on that version's interpreter.
every_pipecat: Final = pytest.mark.every_pipecat


def fact(sentence: str, *, since: str = "", until: str = "", otherwise: str = "") -> pytest.MarkDecorator:
    """Say which row of the support table a test proves.

    `since` and `until` bound the versions it holds in, both inclusive; in the others the test must fail, and
    `otherwise` tells users what is so there.
    """
    return pytest.mark.fact(sentence, since=since, until=until, otherwise=otherwise)


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the support table."""

    sentence: str
    since: str
    until: str
    otherwise: str

    @classmethod
    def of(cls, item: pytest.Item) -> Self | None:
        """Return what a test proves, if it is one of those that do."""
        mark = item.get_closest_marker("fact")
        if mark is None:
            return None
        known: Mapping[str, Any] = mark.kwargs
        return cls(mark.args[0], known["since"], known["until"], known["otherwise"])

    def holds_in(self, version: str) -> bool:
        """Return whether it is known to hold in a version. 1.8 bounds 1.8.0 and 1.8.1 alike."""
        too_early = self.since and _parts(version) < _parts(self.since)
        too_late = self.until and _parts(version)[: len(_parts(self.until))] > _parts(self.until)
        return not too_early and not too_late


class NoSuchPipecatError(Exception):
    """A version cannot be tested against; the message says why."""


@cache
def interpreter(version: str) -> str:
    """Return the interpreter of a version's own environment, which is made where it is missing.

    `make test` makes them all in the background; then this waits until that one is there.
    """
    if version == NEWEST:
        return sys.executable
    made = subprocess.run([ROOT / "hack" / "pipecat", version], capture_output=True, text=True, check=False)
    if made.returncode:
        raise NoSuchPipecatError(f"there is no Pipecat {version} to test with; hack/pipecat said\n{made.stderr}")
    return str(ROOT / ".tools" / "pipecat" / version / "bin" / "python")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
