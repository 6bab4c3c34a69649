"""Each program runs on its own lock alone: all that it can load is imported where nothing else is installed.

The packages are those of the environment that runs the test, file by file: its lock, dev.txt, has the same versions.
"""

import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest

from hack.supply.locks import pins
from tests.programs import PROGRAMS, SOURCES, Program, imports, modules

#: Prints the modules that cannot be imported, a line each.
IMPORT: Final = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError as exc:
        print(f"{name}: {exc}")
"""
#: Modules that only another program needs.
ELSEWHERE: Final[Mapping[str, set[str]]] = {
    "operator": {"lightkube", "typer"},
    "cli": {"kopf", "kubernetes"},
    "runtime": {"kopf", "pipecat", "typer", "yaml"},
}


@dataclass(frozen=True, slots=True)
class Installed:
    """A program in an environment of its own: `app` has our packages, as the operator's image has them in /app."""

    program: Program
    python: Path
    app: Path

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a command with nothing else on Python's path."""
        settings = {"PATH": os.defpath, "PYTHONPATH": str(self.app), "PYTHONDONTWRITEBYTECODE": "1"}
        words = [str(word) for word in command]
        return subprocess.run(words, env=settings, capture_output=True, text=True, check=False)

    def missing(self, names: set[str]) -> list[str]:
        """Return which of some modules cannot be imported, each with the reason."""
        done = self.run(self.python, "-c", IMPORT, *sorted(names))
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


def link_package(name: str, version: str, folder: Path) -> None:
    """Link each file of a package that is installed here into another environment."""
    found = distribution(name)
    assert found.version == version, f"{name} {found.version} is installed here: run hack/venv dev"
    for file in found.files or ():
        if ".." not in file.parts:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).symlink_to(str(file.locate()))


@pytest.fixture(scope="module", params=PROGRAMS, ids=lambda program: program.name)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Make an environment that has what a program's lock pins."""
    program: Program = request.param
    folder = tmp_path_factory.mktemp(program.name)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    for pin in pins(program.lock):
        if pin.is_for_this_machine():
            link_package(pin.name, pin.version, packages)
    app = folder / "app"
    app.mkdir()
    for package in program.ships:
        (app / package).symlink_to(SOURCES[package])
    return Installed(program, folder / "venv/bin/python", app)


def test_a_program_imports_all_that_it_can_load_with_its_own_lock_alone(installed: Installed) -> None:
    ours, others = modules(installed.program), imports(installed.program)
    assert ours
    assert others
    assert installed.missing(ours | others) == []


def test_what_only_another_program_needs_is_not_there(installed: Installed) -> None:
    """An environment that had more than its lock would let everything be imported."""
    others = ELSEWHERE[installed.program.name]
    assert installed.missing(others) == [f"{name}: No module named '{name}'" for name in sorted(others)]


def test_pip_finds_nothing_missing_where_our_packages_are_a_folder_on_the_path(installed: Installed) -> None:
    """As in the operator's image. There a wheel of ours would ask for what only the command line needs."""
    done = installed.run(sys.executable, "-m", "pip", "--python", installed.python, "check")
    assert (done.stdout, done.returncode) == ("No broken requirements found.\n", 0), done.stderr
