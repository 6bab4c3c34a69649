"""The support table: which facts hold with which Pipecat, as the last full run found it, and held to by every run.

It is docs/reference/pipecat-support.json; `make support` writes it, and hack/generate makes
docs/reference/pipecat-versions.md of it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Self

import pytest

from tests.pipecats import ROOT, VERSIONS, Fact

COMMITTED: Final = ROOT / "docs" / "reference" / "pipecat-support.json"


@dataclass
class Row:
    """A fact, the test that proves it, and where it was found to hold and where not."""

    fact: str
    test: str
    otherwise: str
    holds: set[str] = field(default_factory=set)
    fails: set[str] = field(default_factory=set)


class Table:
    """Rows by the facts' sentences, in the order of the tests."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what another run has written; nothing, where none has."""
        table = cls()
        for entry in json.loads(path.read_text())["rows"] if path.is_file() else ():
            holds = set(entry["holds"])
            row = Row(entry["fact"], entry["test"], entry["otherwise"], holds, set(entry["versions"]) - holds)
            table.rows[row.fact] = row
        return table

    def write(self, path: Path) -> None:
        """Write it without anything that another run would find otherwise, such as times."""
        path.write_text(json.dumps({"versions": VERSIONS, "rows": list(self._entries())}, indent=2) + "\n")

    def note(self, known: Fact, test: str, version: str, *, holds: bool) -> None:
        """Add what one test found. A fact of several tests holds where all of them do."""
        row = self.rows.setdefault(known.sentence, Row(known.sentence, test, known.otherwise))
        (row.holds if holds else row.fails).add(version)

    def add(self, other: "Table") -> None:
        """Add what a run with another Pipecat found."""
        for found in other.rows.values():
            row = self.rows.setdefault(found.fact, Row(found.fact, found.test, found.otherwise))
            row.holds |= found.holds
            row.fails |= found.fails

    def says(self, known: Fact, version: str, *, holds: bool) -> bool:
        """Return whether it has a fact the way a run found it."""
        row = self.rows.get(known.sentence)
        return row is not None and row.otherwise == known.otherwise and version in (row.holds if holds else row.fails)

    def _entries(self) -> Iterator[dict[str, Any]]:
        for row in self.rows.values():
            holds = [version for version in VERSIONS if version in row.holds - row.fails]
            versions = [version for version in VERSIONS if version in row.holds | row.fails]
            yield {"fact": row.fact, "test": row.test, "otherwise": row.otherwise, "holds": holds, "versions": versions}


def version_of(item: pytest.Item) -> str:
    """Return the Pipecat that a test runs against: the one of its parameter, or the one beside pytest."""
    callspec = getattr(item, "callspec", None)
    version: str | None = callspec.params.get("pipecat") if callspec else None
    return version or installed()


@cache
def installed() -> str:
    """Return the version of the Pipecat beside pytest."""
    return metadata.version("pipecat-ai")
