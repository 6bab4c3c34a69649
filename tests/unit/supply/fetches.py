"""Each place of the repository that has something fetched from a registry of packages or images."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.supply.locks import LOCKS, ROOT

_FOLDERS: Final = (".ci", "charts", "crds", "docs", "examples", "hack", "operator", "runtime", "tests")
#: This folder speaks of bad commands, and the changelog of those of former versions.
_LEFT_OUT: Final = (ROOT / "tests/unit/supply", ROOT / "CHANGELOG.md", *LOCKS)
_BINARY: Final = {".pyc", ".wav", ".png", ".svg", ".lm", ".dic", ".gz", ".sum"}
#: A command with what it is given: without, it is only spoken of.
_FETCHES: Final = re.compile(
    r"\b(?:pip3? (?:[^|;&`\n]*? )?install|uv (?:pip install|sync|add|tool|run)|uvx|pipx|npx"
    r"|(?:npm|yarn|pnpm) (?:add|ci|dlx|exec|i|install|pack)|go (?:install|run|get)|apk add|curl|wget) [^|;&`\n]+"
    r"|[\w./-]*[\w-](?:@|:)latest\b"
)
_IMAGE: Final = re.compile(r"^(?:FROM|ARG \w*BASE=|ARG RUNTIME=) ?(?P<image>\S+)(?: AS (?P<stage>\S+))?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Something that is fetched, and the file that says so."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def places() -> Iterator[Place]:
    """Find each command that fetches something."""
    for path in files():
        yield from (Place(str(path.relative_to(ROOT)), text) for text in found_in(path))


def found_in(path: Path) -> list[str]:
    """Return the commands of a file that fetch something."""
    return [found[0].strip() for found in _FETCHES.finditer(_in_one_line(path.read_text("utf-8")))]


def images() -> Iterator[Place]:
    """Find each image that a Dockerfile is built on. Neither its own stages nor its arguments are among them."""
    for path in files():
        if "Dockerfile" in path.name:
            found = list(_IMAGE.finditer(path.read_text("utf-8")))
            stages = {each["stage"] for each in found}
            yield from (
                Place(str(path.relative_to(ROOT)), each["image"])
                for each in found
                if each["image"] not in stages | {"scratch"} and not each["image"].startswith("$")
            )


def files() -> Iterator[Path]:
    """Return the files that people write, in one order."""
    found = {path for folder in _FOLDERS for path in (ROOT / folder).rglob("*")} | set(ROOT.glob("*"))
    for path in sorted(found):
        left_out = any(path.is_relative_to(each) for each in _LEFT_OUT) or "__pycache__" in path.parts
        if path.is_file() and not left_out and path.suffix not in _BINARY:
            yield path


def _in_one_line(text: str) -> str:
    """Undo what parts a command: a backslash at the end of a line, and the quotes between the words of a list."""
    return re.sub(r"""["'], ?["']""", " ", text.replace("\\\n", " "))
