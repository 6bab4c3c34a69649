"""Print objects as a table, or as JSON, YAML or names. Colours are used on a terminal only."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from botsession_contract.lifecycle import Phase
from botsession_contract.names import GROUP
from botsession_contract.text import escape_in_json, has_controls
from botsession_operator.cli.options import Output
from botsession_operator.cli.output import console
from botsession_operator.cli.output import say as say_line
from botsession_operator.cli.render.columns import Layout, lines, row, widths

Json = dict[str, Any]


class Table:
    """A table that grows: later rows have the widths of the first ones."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._widths: Sequence[int] = ()

    def show(self, sessions: Sequence[Json]) -> None:
        """Print rows; the first call prints the header too."""
        rows = [row(session, self._layout, datetime.now(UTC)) for session in sessions]
        if not self._widths:
            rows = [self._layout.head, *rows]
            self._widths = widths(rows)
        for line, cells in zip(lines(rows, self._widths), rows, strict=True):
            say(line, _colours(cells))


def show_objects(found: Sequence[Json], form: Output | None, layout: Layout, *, is_list: bool) -> None:
    """Print objects; several are printed as one List, as kubectl does."""
    match form:
        case Output.NAME:
            for session in found:
                say_line(name_of(session))
        case Output.JSON | Output.YAML:
            bare = [_without_bookkeeping(session) for session in found]
            say_line(dump(_listed(bare) if is_list else bare[0], form))
        case _:
            Table(layout).show(found)


def dump(data: Json, form: Output) -> str:
    """Return data as JSON or YAML, with control characters escaped in the format's own way."""
    if form is Output.JSON:
        import json

        return escape_in_json(json.dumps(data, indent=4, ensure_ascii=False))
    import yaml

    text = yaml.safe_dump(data, allow_unicode=True, width=1000).rstrip()
    if has_controls(text.replace("\n", "")):
        # With allow_unicode, PyYAML does not escape all control characters.
        return yaml.safe_dump(data, allow_unicode=False, width=1000).rstrip()
    return text


def name_of(session: Json) -> str:
    """Return a session's name in the format of `-o name`."""
    return f"botsession.{GROUP}/{session['metadata']['name']}"


def say(text: str, colours: dict[str, str] | None = None) -> None:
    """Print a line; on a terminal, print the words of `colours` in their colours."""
    if not (colours and sys.stdout.isatty()):
        say_line(text)
        return
    from rich.text import Text

    line = Text(text)
    for word, colour in colours.items():
        line.highlight_words([f" {word} "], colour)
    console().print(line, soft_wrap=True)


def _colours(cells: Sequence[str]) -> dict[str, str]:
    from botsession_operator.cli.render.styles import STYLES

    return {cell: STYLES[cell] for cell in cells if cell in {*Phase}}


def _listed(found: list[Json]) -> Json:
    return {"apiVersion": "v1", "items": found, "kind": "List", "metadata": {"resourceVersion": ""}}


def _without_bookkeeping(session: Json) -> Json:
    """Return a session without managedFields, as kubectl prints it."""
    metadata = {key: value for key, value in session["metadata"].items() if key != "managedFields"}
    return {**session, "metadata": metadata}
