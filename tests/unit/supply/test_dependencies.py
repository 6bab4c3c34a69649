"""The tables of direct dependencies are complete, and say what pyproject.toml and the packages themselves say."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hack.supply.licences import licence_of
from hack.supply.locks import ROOT

PAGE: Final = ROOT / "docs/contributing/dependencies.md"
#: What scripts install beside the extras of pyproject.toml, by the names of requirements/NAME.in.
TOOLS: Final = ("tools", "sdist")
_ROW: Final = re.compile(
    r"^\| (?P<package>[\w.-]+) \| (?P<needed_by>[^|]+) \| (?P<use>[^|]+) \| (?P<reason>[^|]+) \| (?P<keeper>[^|]+)"
    r" \| (?P<licence>[^|]+) \|$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """What the page says of a package."""

    package: str
    needed_by: frozenset[str]
    licence: str


def rows() -> list[Row]:
    """Return the rows of all tables. One with an empty cell is none."""
    return [
        Row(found["package"], frozenset(found["needed_by"].split(", ")), found["licence"])
        for found in _ROW.finditer(PAGE.read_text("utf-8"))
        if found["package"] != "Package"
    ]


def lists() -> Iterator[tuple[str, Iterable[str]]]:
    """Return each list of requirements with the name of what it is for."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    yield "build", whole["build-system"]["requires"]
    yield "cli", whole["project"]["dependencies"]
    yield from whole["project"]["optional-dependencies"].items()
    for name in TOOLS:
        lines = (ROOT / f"requirements/{name}.in").read_text("utf-8").splitlines()
        yield name, [line for line in lines if not line.startswith("#")]


def required() -> dict[str, frozenset[str]]:
    """Return what needs each package."""
    found = defaultdict(set)
    for name, requirements in lists():
        for requirement in requirements:
            found[canonicalize_name(Requirement(requirement).name)].add(name)
    return {package: frozenset(names) for package, names in found.items()}


def licence_if_named(package: str) -> str | None:
    """Return the licence that a package names in SPDX's words, if it is installed here and does."""
    try:
        return licence_of(package)
    except (LookupError, PackageNotFoundError):
        return None


def test_each_direct_dependency_has_a_row_that_says_what_needs_it() -> None:
    assert {row.package: row.needed_by for row in rows()} == required()


def test_no_dependency_has_two_rows() -> None:
    assert len({row.package for row in rows()}) == len(rows())


def test_the_licences_are_those_that_the_packages_name() -> None:
    named = {row.package: licence_if_named(row.package) for row in rows()}
    assert {row.package: row.licence for row in rows() if named[row.package]} == {
        package: licence for package, licence in named.items() if licence
    }


def test_most_packages_name_their_licence() -> None:
    """Otherwise the comparison would compare nothing."""
    assert sum(bool(licence_if_named(row.package)) for row in rows()) > len(rows()) / 2
