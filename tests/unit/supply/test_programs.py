"""Each program asks for what it imports, and for nothing that only another one needs."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import pytest
from packaging.utils import canonicalize_name

from hack.supply.locks import ROOT, pins
from tests.programs import CLI, OPERATOR, PROGRAMS, RUNTIME, Program, imports, packages

PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
#: The packages of one program that another must not bring along, with some that come with them.
OF_THE_CLI: Final = {
    "common-expression-language",
    "httpcore2",
    "httpx2",
    "jsonschema",
    "lightkube",
    "lightkube-models",
    "prompt-toolkit",
    "pygments",
    "rich",
    "rpds-py",
    "typer",
    "watchfiles",
}
OF_THE_OPERATOR: Final = {"aiohttp-retry", "kopf", "kubernetes", "requests", "standardwebhooks", "websocket-client"}
FOREIGN: Final[Mapping[str, set[str]]] = {
    "operator": OF_THE_CLI,
    "cli": OF_THE_OPERATOR,
    "runtime": OF_THE_CLI | OF_THE_OPERATOR | {"prometheus-client", "pydantic", "pyyaml"},
}
each_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)


def declared(program: Program) -> set[str]:
    """Return the packages that pyproject.toml lists for a program: the command line's are those of the project."""
    listed = PROJECT["dependencies"] if program is CLI else PROJECT["optional-dependencies"][program.name]
    return {canonicalize_name(re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]) for requirement in listed}


def locked(program: Program) -> set[str]:
    return {pin.name for pin in pins(program.lock)}


@each_program
def test_a_program_asks_for_what_it_imports_and_nothing_else(program: Program) -> None:
    assert declared(program) == packages(imports(program))


@each_program
def test_a_lock_is_made_from_what_its_program_asks_for(program: Program) -> None:
    asked = {pin.name for pin in pins(program.lock) if any("(pyproject.toml)" in asker for asker in pin.asked_by)}
    assert asked == declared(program)


@each_program
def test_a_lock_has_no_package_that_only_another_program_needs(program: Program) -> None:
    assert locked(program) & FOREIGN[program.name] == set()


def test_what_is_kept_apart_is_in_the_other_programs_lock() -> None:
    """A list of packages that nobody needs any more would keep nothing apart."""
    assert locked(CLI) >= OF_THE_CLI
    assert locked(OPERATOR) >= OF_THE_OPERATOR


def test_the_extra_of_the_command_line_adds_nothing_to_the_project() -> None:
    assert PROJECT["optional-dependencies"]["cli"] == []


def test_the_supervisor_imports_what_comes_with_pipecat() -> None:
    assert declared(RUNTIME) <= {pin.name for pin in pins(ROOT / "requirements/pipecat.txt")}
