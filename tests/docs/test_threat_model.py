"""Each row of the threat model names the test that holds it, and there is that test."""

import ast
import re
from typing import Final

import pytest

from tests.docs.blocks import ROOT

PAGE: Final = ROOT / "docs/concepts/threat-model.md"
_NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
#: Who needs a row at all: the headings of the tables.
THREATS: Final = PAGE.read_text().partition("## Who could do what")[2].partition("## What is not defended")[0]


def rows() -> list[list[str]]:
    """Give the cells of each row that names a threat."""
    lines = [
        line for line in THREATS.splitlines() if line.startswith("| ") and not re.match(r"\| (They|It) could", line)
    ]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def functions(file: str) -> set[str]:
    """List the functions that a file has."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_threat_names_the_test_that_holds_it(row: list[str]) -> None:
    threat, defence, test = row
    assert threat
    if defence.startswith("nothing:"):
        assert "tests/" not in test
        return
    (named,) = _NAMED.findall(test)
    file, name = named
    assert (ROOT / file).exists(), file
    assert name in functions(file)


def test_one_test_holds_one_row() -> None:
    named = _NAMED.findall(THREATS)
    assert sorted(named) == sorted(set(named))
    assert len(named) > 30
