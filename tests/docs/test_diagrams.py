"""Diagrams are drawn beforehand, so that no reader's browser has to."""

import re

import pytest

from hack.site import diagrams

DRAWINGS = sorted(diagrams.FOLDER.glob("*.svg"))


def test_every_diagram_has_its_drawing_and_no_other_is_kept() -> None:
    assert sorted(diagrams.drawings(diagrams.ROOT)) == DRAWINGS


def test_drawing_takes_the_place_of_its_diagram() -> None:
    page = (diagrams.ROOT / "docs/concepts/ending.md").read_text("utf-8")
    assert diagrams.drawn(page).count("<svg ") == page.count("```mermaid")


def test_diagram_that_was_edited_is_to_be_drawn_again() -> None:
    with pytest.raises(FileNotFoundError, match="run hack/diagrams"):
        diagrams.drawn("```mermaid\nflowchart TD\n    a --> b\n```\n")


def test_drawings_load_nothing_from_elsewhere() -> None:
    urls = {url for drawing in DRAWINGS for url in re.findall(r"https?://[^\s\"')<]+", drawing.read_text())}
    assert urls <= {"http://www.w3.org/2000/svg"}
