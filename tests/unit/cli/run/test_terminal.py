import io
from datetime import timedelta

from rich.console import Console

from botsession_operator.cli.render.timeline import Entry
from botsession_operator.cli.run.terminal import Terminal
from tests.builders import NOW


def terminal(**options: object) -> tuple[Terminal, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, width=60, highlight=False, **options)  # type: ignore[arg-type]  # Rich's own options
    return Terminal(console, "bots/hello", NOW), out


def entry(seconds: float, text: str) -> Entry:
    return Entry(NOW + timedelta(seconds=seconds), "caller", text)


def test_line_has_time_subject_and_text() -> None:
    shown, out = terminal()
    shown.show(entry(1.5, "said hello"))
    assert out.getvalue() == "   1.50 s  caller      said hello\n"


def test_clock_never_runs_backwards() -> None:
    shown, out = terminal()
    shown.show(entry(2, "later"))
    shown.show(entry(1, "earlier, but told later"))
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["2.00", "2.00"]


def test_what_is_recalled_keeps_its_own_time() -> None:
    shown, out = terminal()
    shown.show(entry(2, "closed"))
    shown.show_late([entry(1, "heard hello")])
    assert out.getvalue().splitlines()[-1] == "   1.00 s  caller      heard hello"


def test_pipe_gets_a_long_line_whole() -> None:
    shown, out = terminal()
    shown.show(entry(0, "word " * 20))
    assert len(out.getvalue().splitlines()) == 1


def test_terminal_keeps_a_long_line_in_its_column() -> None:
    shown, out = terminal(force_terminal=True, color_system=None)
    shown.show(entry(0, "word " * 20))
    first, *rest = out.getvalue().splitlines()
    assert first.index("word") == 23
    assert all(line.startswith(" " * 23 + "word") for line in rest)


def test_markup_in_a_bots_words_is_only_text() -> None:
    shown, out = terminal()
    shown.show(entry(0, "[red]alarm[/red]"))
    assert "[red]alarm[/red]" in out.getvalue()


def test_summary_is_aligned() -> None:
    shown, out = terminal()
    shown.show_summary([("reason", "Completed"), ("bot's log", "bot.log")])
    assert out.getvalue() == "\nreason     Completed\nbot's log  bot.log\n"
