"""What a lock pins: requirements/*.txt, as pip-compile and uv write them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.markers import Marker

ROOT: Final = Path(__file__).resolve().parents[2]
#: Every lock of the repository.
LOCKS: Final = (
    *sorted(path for path in ROOT.glob("requirements/*.txt") if path.name != "pipecat-versions.txt"),
    ROOT / "examples/parrot/requirements.txt",
)
_PIN: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>.*?))? \\")
_HASH: Final = re.compile(r" +--hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?")
_ASKED_BY: Final = re.compile(r" +#(?: via)? +(?P<name>\S.*)")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock."""

    name: str
    version: str
    marker: str  # on which machines it is installed; empty on all
    digests: tuple[str, ...]  # SHA-256 of each file that may be installed
    asked_by: tuple[str, ...]  # the packages that need it, and the files that name it

    def is_for_this_machine(self) -> bool:
        """Return whether it is installed by the Python that runs this."""
        return not self.marker or Marker(self.marker).evaluate()


def pins(lock: Path) -> tuple[Pin, ...]:
    """Return what a lock pins, in its order. Raise ValueError at a line that is no part of a lock."""
    return tuple(_pin(part) for part in _parts(lock.read_text("utf-8")))


def _parts(text: str) -> Iterator[list[str]]:
    """Split the text into its packages: the line that names it, and the indented lines below it."""
    part: list[str] = []
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if not line.startswith(" "):
            if part:
                yield part
            part = []
        part.append(line)
    if part:
        yield part


def _pin(lines: list[str]) -> Pin:
    head = _PIN.fullmatch(lines[0])
    if head is None:
        raise ValueError(f"this pins no package: {lines[0]}")
    digests = [found["digest"] for line in lines[1:] if (found := _HASH.fullmatch(line))]
    asked_by = [found["name"] for line in lines[1:] if (found := _ASKED_BY.fullmatch(line))]
    return Pin(head["name"], head["version"], head["marker"] or "", tuple(digests), tuple(asked_by))
