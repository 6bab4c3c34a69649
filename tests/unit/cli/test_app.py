import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from botsession_operator.cli.app import COMMANDS, app
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.manifests import admitted, read_manifest

SESSION = (
    "{apiVersion: botsession.dev/v1alpha1, kind: BotSession, metadata: {%s}, spec: {bot: {image: b, target: c.py}}}"
)


def manifest(folder: Path, text: str | bytes) -> Path:
    file = folder / "session.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_manifest_without_a_namespace_lives_in_default(tmp_path: Path) -> None:
    read = admitted(read_manifest(manifest(tmp_path, SESSION % "name: a")), "default")
    assert read["metadata"]["namespace"] == "default"


def test_manifest_keeps_its_namespace(tmp_path: Path) -> None:
    read = admitted(read_manifest(manifest(tmp_path, SESSION % "name: a, namespace: bots")), "default")
    assert read["metadata"]["namespace"] == "bots"


def test_empty_documents_do_not_count(tmp_path: Path) -> None:
    assert read_manifest(manifest(tmp_path, "---\nkind: BotSession\n---\n")) == {"kind": "BotSession"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "but contains 0 documents", id="an empty file"),
        pytest.param("a: 1\n---\na: 2", "but contains 2 documents", id="two documents"),
        pytest.param("- a\n", "must contain one BotSession", id="a list"),
        pytest.param("a: [", "is not YAML", id="no YAML"),
        pytest.param(b"\xff\xfe\x00", "is not YAML", id="no text"),
        pytest.param("a: \x00", "is not YAML", id="a control character"),
    ],
)
def test_file_that_is_no_manifest_is_refused(text: str | bytes, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CliError, match=sentence):
        read_manifest(manifest(tmp_path, text))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_options(command: str) -> None:
    result = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, [command, "--help"], prog_name="botsession")
    assert result.exit_code == Exit.OK
    assert f"Usage: botsession {command}" in result.output


def test_help_lists_every_command_and_the_exit_codes() -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["--help"]).output
    codes = shown.partition("Exit codes:")[2]
    assert [name for name in COMMANDS if f"\n  {name} " not in shown] == []
    assert re.findall(r"\d", codes) == [f"{code:d}" for code in Exit if code is not Exit.INTERRUPTED]


def test_first_sentence_of_each_command_fits_into_the_list_of_a_narrow_terminal() -> None:
    assert "..." not in CliRunner(env={"COLUMNS": "80"}).invoke(app, ["--help"]).output.partition("Commands:")[2]


def test_command_that_is_not_there_is_refused() -> None:
    assert CliRunner().invoke(app, ["explode"]).exit_code == Exit.REFUSED


#: What only some commands need, and nobody should wait for who lists sessions or asks for help.
HEAVY = ("aiohttp", "cel", "jsonschema", "kopf", "kr8s", "kubernetes", "loguru", "prometheus_client", "watchfiles")
CALL = """
import sys
from botsession_operator.cli.app import app
try:
    app({arguments!r}, prog_name="botsession")
except SystemExit:
    pass
print(sorted(sys.modules.keys() & {modules!r}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "modules"),
    [
        pytest.param(["--help"], {*HEAVY, "lightkube", "httpx2", "yaml"}, id="help"),
        pytest.param(["list", "--kubeconfig", "/nowhere"], {*HEAVY}, id="list"),
        pytest.param(["start", "--image", "b", "--target", "b.py", "--kubeconfig", "/nowhere"], {*HEAVY}, id="start"),
        pytest.param(["why", "a", "--kubeconfig", "/nowhere"], {*HEAVY}, id="why"),
    ],
)
def test_command_imports_only_what_it_needs(arguments: list[str], modules: set[str]) -> None:
    code = CALL.format(arguments=arguments, modules=modules)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_no_command_but_run_has_a_log() -> None:
    modules = {place.partition(":")[0] for name, place in COMMANDS.items() if name != "run"}
    imports = "; ".join(f"import botsession_operator.cli.{module}" for module in sorted(modules))
    code = f"import sys; {imports}; print('loguru' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
