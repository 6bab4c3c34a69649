"""What `make lint` runs, as tests, which `make check` and `make test` run beside the others."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]


def commands() -> list[str]:
    """Return the lines of the Makefile's target, with the interpreter's name put in."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    recipe = makefile.partition("\nlint: ")[2].partition("\n\n")[0].splitlines()[1:]
    return [line.strip().replace("$(python)", ".venv/bin/python") for line in recipe]


# Without a cache mypy reads all packages anew: two minutes beside three other tests.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("command", commands())
def test_nothing_is_found(command: str) -> None:
    ran = subprocess.run(command.split(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_all_tools_are_run() -> None:
    tools = ("ruff check", "ruff format", "mypy", "lint-imports", "hack/generate --check")
    assert [tool for tool in tools if not any(tool in command for command in commands())] == []
