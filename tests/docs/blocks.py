"""The fenced blocks of all pages: what a reader copies, and what a test therefore checks."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_MENTIONED = re.compile(r"`((?:kubectl|helm|make|botsession|kind|hack/[\w-]+|python -m) [^`]+)`")
_INDENTED = re.compile(r"\n*    ")
_IN_LIST = re.compile(r"\n*(?:[*-]|\d+\.| ) ")
_PROMPT = "$ "


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, and where it stands."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> str:
        """Return what is to be typed: in a block that shows output too, the lines behind a prompt."""
        lines = self.text.splitlines()
        prompted = [line.removeprefix(_PROMPT) for line in lines if line.startswith(_PROMPT)]
        if self.language in ("sh", "bash", "console") and not prompted:
            return self.text
        return "\n".join(prompted)


def pages() -> list[Path]:
    """List the pages that users and contributors read, in one order."""
    patterns = ("*.md", "docs/**/*.md", "examples/**/*.md", "hack/**/*.md")
    return sorted({page for pattern in patterns for page in ROOT.glob(pattern)})


def blocks_of(page: Path) -> Iterator[Block]:
    """Find the fenced blocks of a page, in their order."""
    text = page.read_text("utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found[2], textwrap.dedent(found[3]))


BLOCKS = [block for page in pages() for block in blocks_of(page)]


def mentioned(page: Path) -> list[str]:
    """Return the commands that stand in the sentences of a page."""
    return sorted(set(_MENTIONED.findall(_FENCE.sub("", page.read_text("utf-8")))))


def unfenced(text: str) -> list[str]:
    """Find code that is only indented, and so nobody looks at; what belongs to an item of a list is none."""
    paragraphs = ["", *re.split(r"\n\s*\n", _FENCE.sub("", text))]
    return [code for before, code in pairwise(paragraphs) if _INDENTED.match(code) and not _IN_LIST.match(before)]


def blocks_in(*languages: str) -> list[Block]:
    """Return all blocks in one of these languages."""
    return [block for block in BLOCKS if block.language in languages]
