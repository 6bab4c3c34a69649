"""What was recorded of each way to end: written by `make endings`, and held to by every run of the tests."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

RECORDED: Final = Path(__file__).parents[2] / "docs" / "reference" / "ways-to-end.json"
SEEN: Final = pytest.StashKey[dict[str, dict[str, Any]]]()


def read() -> dict[str, dict[str, Any]]:
    """Return what the last full run has written."""
    known: dict[str, dict[str, Any]] = json.loads(RECORDED.read_text("utf-8")) if RECORDED.is_file() else {}
    return known


def write(path: Path, seen: dict[str, dict[str, Any]]) -> None:
    """Write what was seen, in the table's order; what this run has not tried stays as it was."""
    from tests.patterns.table import ways  # needs YAML, which is not there with the older Pipecats

    known = {**(read() if path.resolve() == RECORDED else {}), **seen}
    kept = {way.key: known[way.key] for way in ways() if way.key in known}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
