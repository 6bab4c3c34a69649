"""Command lines, taken apart as a shell does, and none of them run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

_BASH = Parser(Language(tree_sitter_bash.language()))
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Wrong(AssertionError):  # says what a page has wrong
    """A page tells its reader something that does not work."""


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words, and what is written into it by `<<EOF`."""

    words: tuple[str, ...]
    stdin: str = ""

    @property
    def program(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.words[1:]

    def __str__(self) -> str:
        return " ".join(self.words)


def commands(script: str) -> Iterator[Command]:
    """Yield each command of a script, those within pipes and substitutions too."""
    tree = _BASH.parse(script.encode())
    if tree.root_node.has_error:
        raise Wrong(f"no shell would take this:\n{script}")
    yield from _commands(tree.root_node)


def _commands(node: Node) -> Iterator[Command]:
    if node.type == "command":
        words = [_word(part) for part in node.named_children if part.type not in ("variable_assignment", "comment")]
        heredoc = _heredoc(node)
        yield Command((*words, *_between(node, heredoc)), _body(heredoc))
    for part in node.named_children:
        yield from _commands(part)


def _heredoc(command: Node) -> Node | None:
    around = command.parent.named_children if command.parent else []
    return next((each for each in around if each.type == "heredoc_redirect"), None)


def _between(command: Node, heredoc: Node | None) -> list[str]:
    """Return the words that the grammar loses: a lone `-` in front of a here-document."""
    if heredoc is None or command.parent is None:
        return []
    text = command.parent.text or b""
    start = command.parent.start_byte
    return text[command.end_byte - start : heredoc.start_byte - start].decode().split()


def _body(heredoc: Node | None) -> str:
    parts = heredoc.named_children if heredoc else []
    return "".join(_text(part) for part in parts if part.type == "heredoc_body")


def _word(node: Node) -> str:
    """Return a word without its quotes; what the shell would put in place of a variable is left as it is written."""
    match node.type:
        case "raw_string" | "string":
            return _text(node)[1:-1]
        case "concatenation":
            return "".join(_word(part) for part in node.children)
        case "word":
            return _ESCAPED.sub(r"\1", _text(node))
        case _:
            return _text(node)


def _text(node: Node) -> str:
    return (node.text or b"").decode()
