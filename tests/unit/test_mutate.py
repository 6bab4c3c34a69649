"""hack/mutate breaks things to see whether the tests notice: what it breaks is there, and what it says is right."""

import subprocess
import sys
from pathlib import Path

MUTATE = Path(__file__).parents[2] / "hack/mutate"


def mutate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, MUTATE, *arguments], capture_output=True, text=True, check=False)


def test_every_mutation_still_fits_the_tree() -> None:
    checked = mutate("--check")
    assert checked.returncode == 0, checked.stderr


def test_a_mutation_that_no_longer_fits_is_named(tmp_path: Path) -> None:
    script = tmp_path / "hack/mutate"
    script.parent.mkdir()
    script.write_text(MUTATE.read_text("utf-8"))
    checked = subprocess.run([sys.executable, script, "--check", "--only", "a link leads"], capture_output=True)
    assert checked.returncode == 1
    assert b"a link leads nowhere: 0 files of CONTRIBUTING.md have " in checked.stderr
