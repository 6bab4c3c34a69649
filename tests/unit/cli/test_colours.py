"""Which colours of a log reach a terminal."""

import pytest

from botsession_operator.cli.colours import visible
from botsession_operator.cli.output import say_log


@pytest.mark.parametrize(
    "words", ["8", "08", "0000008", "5", "6", "11", "264", "8:1", "4:8", "38;8", "38;5", "38;2;1;8"]
)
def test_nothing_that_hides_text_reaches_a_terminal(words: str) -> None:
    assert visible(f"\x1b[{words}m") in ("", "\x1b[2;1m")


@pytest.mark.parametrize(
    "words", ["", "0", "1;31", "4:3", "97;41", "38;5;8", "48;2;8;8;8", "38:2::8:8:8", "1;38;5;8;4", "7;27;9"]
)
def test_colour_stays_as_it_is(words: str) -> None:
    assert visible(f"\x1b[{words}m") == f"\x1b[{words}m"


def test_rest_of_a_colour_stays_where_a_part_hides() -> None:
    assert visible("\x1b[1;8;38;5;8;8;31m") == "\x1b[1;38;5;8;31m"


def test_no_line_of_a_log_hides_or_colours_another(capsys: pytest.CaptureFixture[str]) -> None:
    say_log(["\x1b[8mhidden", "\x1b[31mred", "plain"])
    assert capsys.readouterr().out == "hidden\x1b[0m\n\x1b[31mred\x1b[0m\nplain\n"
