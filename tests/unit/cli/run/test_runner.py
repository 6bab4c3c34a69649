from pathlib import Path

import pytest
from typer.testing import CliRunner

from botsession_operator.cli.app import app
from botsession_operator.cli.cli_error import Exit
from botsession_operator.cli.run.runner import MAX_LINES, lines_of_failure


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(["--caller", "say 'hello"], "is not a command line", id="a quote that never ends"),
        pytest.param(["--python", "no-such-python"], "there is no program no-such-python", id="no interpreter"),
        pytest.param(["--output", __file__], "is a file", id="an output that is no folder"),
        pytest.param(["--end-after", "soon"], "is not a duration", id="an end that is no time"),
        pytest.param(["--kill", "node"], "operator", id="a program that is not there"),
    ],
)
def test_option_that_makes_no_sense_is_refused(options: list[str], sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "session.yaml"
    file.write_text("a: 1")
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["run", str(file), *options])
    assert result.exit_code == Exit.REFUSED
    assert sentence in result.output


def test_log_of_a_failure_leaves_out_what_is_only_information() -> None:
    log = b"""
2026-01-31 12:00:00.000 | DEBUG    | pipecat.pipeline:run:1 - Starting
2026-01-31T12:00:00.000+00:00 | INFO    | botsession: hook loaded
2026-01-31 12:00:01.000 | ERROR    | pipecat.services:say:2 - no key
Traceback (most recent call last):
"""
    assert [line[-6:] for line in lines_of_failure(log)] == ["no key", "last):"]


def test_log_of_a_failure_is_short() -> None:
    lines = lines_of_failure(b"line\n" * 100 + b"the last\n")
    assert len(lines) == MAX_LINES
    assert lines[-1] == "the last"
