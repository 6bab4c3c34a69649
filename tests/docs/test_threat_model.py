"""Each row of the threat model names the test that holds it, and there is that test."""

import ast
import re
from typing import Final

from tests.docs.blocks import ROOT
from tests.offenders import assert_none

PAGE: Final = ROOT / "docs/concepts/threat-model.md"
_NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
#: Who needs a row at all: the headings of the tables.
THREATS: Final = PAGE.read_text().partition("## Who could do what")[2].partition("## What is not defended")[0]


def rows() -> list[list[str]]:
    """Return the cells of each row that names a threat."""
    lines = [
        line for line in THREATS.splitlines() if line.startswith("| ") and not re.match(r"\| (They|It) could", line)
    ]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def functions(file: str) -> set[str]:
    """List the functions that a file has."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_threat_names_the_test_that_holds_it() -> None:
    assert_none(" | ".join(row) for row in rows() if not is_held(row))


def is_held(row: list[str]) -> bool:
    """Return whether a row has a threat, a defence and the one test that there is for it, or says why it has none."""
    if len(row) != 3 or not row[0]:
        return False
    _, defence, test = row
    named = _NAMED.findall(test)
    if defence.startswith("nothing:"):
        return "tests/" not in test
    return len(named) == 1 and all((ROOT / file).exists() and name in functions(file) for file, name in named)


def test_one_test_holds_one_row() -> None:
    named = _NAMED.findall(THREATS)
    assert sorted(named) == sorted(set(named))
    assert len(named) > 30
