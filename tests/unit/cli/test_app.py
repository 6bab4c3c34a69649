from pathlib import Path

import pytest
from typer.testing import CliRunner

from botsession_operator.api.spec import SpecError
from botsession_operator.cli.app import MOST_LINES, app, read_manifest, telling_lines


def manifest(folder: Path, text: str | bytes) -> Path:
    file = folder / "session.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_manifest_without_a_namespace_lives_in_default(tmp_path: Path) -> None:
    assert read_manifest(manifest(tmp_path, "metadata: {name: a}"))["metadata"]["namespace"] == "default"


def test_manifest_keeps_its_namespace(tmp_path: Path) -> None:
    read = read_manifest(manifest(tmp_path, "metadata: {name: a, namespace: bots}"))
    assert read["metadata"]["namespace"] == "bots"


def test_empty_documents_do_not_count(tmp_path: Path) -> None:
    assert read_manifest(manifest(tmp_path, "---\nkind: BotSession\n---\n")) == {"kind": "BotSession"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "it holds 0 documents", id="an empty file"),
        pytest.param("a: 1\n---\na: 2", "it holds 2 documents", id="two documents"),
        pytest.param("- a\n", "must hold one BotSession", id="a list"),
        pytest.param("a: [", "is not YAML", id="no YAML"),
        pytest.param(b"\xff\xfe\x00", "is not YAML", id="no text"),
        pytest.param("a: \x00", "is not YAML", id="a control character"),
    ],
)
def test_file_that_is_no_manifest_is_refused(text: str | bytes, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=sentence):
        read_manifest(manifest(tmp_path, text))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(["--caller", "say 'hello"], "is not a command line", id="a quote that never ends"),
        pytest.param(["--python", "no-such-python"], "there is no program no-such-python", id="no interpreter"),
        pytest.param(["--output", __file__], "is a file", id="an output that is no folder"),
    ],
)
def test_option_that_makes_no_sense_is_refused(options: list[str], sentence: str, tmp_path: Path) -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["run", str(manifest(tmp_path, "a: 1")), *options])
    assert result.exit_code == 2
    assert sentence in result.output


def test_log_of_a_failure_leaves_out_what_is_only_information() -> None:
    log = b"""
2026-01-31 12:00:00.000 | DEBUG    | pipecat.pipeline:run:1 - Starting
2026-01-31T12:00:00.000+00:00 | INFO    | botsession: hook loaded
2026-01-31 12:00:01.000 | ERROR    | pipecat.services:say:2 - no key
Traceback (most recent call last):
"""
    assert [line[-6:] for line in telling_lines(log)] == ["no key", "last):"]


def test_log_of_a_failure_is_short() -> None:
    lines = telling_lines(b"line\n" * 100 + b"the last\n")
    assert len(lines) == MOST_LINES
    assert lines[-1] == "the last"
