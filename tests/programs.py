"""The three programs: the modules that each can load, and the packages that each imports."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

import grimp
from packaging.utils import canonicalize_name

from hack.supply.locks import ROOT

SOURCES: Final[Mapping[str, Path]] = {
    "botsession_operator": ROOT / "operator/src/botsession_operator",
    "botsession_runtime": ROOT / "runtime/src/botsession_runtime",
    "botsession_contract": ROOT / "runtime/src/botsession_contract",
}


@dataclass(frozen=True, slots=True)
class Program:
    """One of the programs: `name` is that of its lock, requirements/NAME.txt, and of its extra in pyproject.toml."""

    name: str
    roots: tuple[str, ...]  # the modules that it starts with, and all below a name that ends with a dot
    ships: tuple[str, ...]  # the packages of ours that are installed with it

    @property
    def lock(self) -> Path:
        """Return its lock."""
        return ROOT / f"requirements/{self.name}.txt"


OPERATOR: Final = Program(
    "operator", roots=("botsession_operator.__main__",), ships=("botsession_operator", "botsession_contract")
)
# The commands are named in strings and imported when they are called; so all of them are roots.
CLI: Final = Program("cli", roots=("botsession_operator.cli.",), ships=tuple(SOURCES))
RUNTIME: Final = Program(
    "runtime",
    roots=("botsession_runtime.", "botsession_contract."),
    ships=("botsession_runtime", "botsession_contract"),
)
PROGRAMS: Final = (OPERATOR, CLI, RUNTIME)
#: What the hook imports where the bot has it, for it runs in the bot's own process.
OF_THE_BOT: Final = {"pipecat", "starlette", "uvicorn"}


@cache
def graph() -> grimp.ImportGraph:
    """Return which module imports which, also where a function imports it."""
    return grimp.build_graph(
        *SOURCES, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


def modules(program: Program) -> set[str]:
    """Return the modules of ours that a program can load."""
    return {module for module in _reached(_roots(program.roots)) if _is_ours(module)}


def imports(program: Program) -> set[str]:
    """Return the modules of others that a program needs, by the names that it imports: `yaml`."""
    return {module for module in _reached(_roots(program.roots)) if _is_foreign(module)} - OF_THE_BOT


def packages(names: Iterable[str]) -> set[str]:
    """Return the packages that modules are installed with, by their names on an index: `pyyaml` for `yaml`."""
    return {_package(name) for name in names}


def _roots(names: Iterable[str]) -> set[str]:
    return {module for module in graph().modules for name in names if module == name or f"{module}.".startswith(name)}


def _reached(roots: set[str]) -> set[str]:
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module not in seen and _is_ours(module):
            waiting += graph().find_modules_directly_imported_by(module)
        seen.add(module)
    return seen


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in SOURCES


def _is_foreign(module: str) -> bool:
    return not _is_ours(module) and module not in sys.stdlib_module_names


def _package(module: str) -> str:
    """Return the package of a module. Several have files in one folder where one of them has the folder's name."""
    found = [canonicalize_name(name) for name in _installed()[module]]
    return module if module in found else found[0]


@cache
def _installed() -> Mapping[str, list[str]]:
    return packages_distributions()
