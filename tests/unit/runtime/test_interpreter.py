"""Which interpreter runs a session, in images that have laid Pipecat out in their own ways."""

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.report import from_bytes
from botsession_runtime import __file__ as package
from botsession_runtime import interpreter

TARGET = {"target": "bot.py", "python": "python3"}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have an interpreter without Pipecat, in an image with nothing else; give its working directory."""
    monkeypatch.setattr(interpreter, "missing_requirement", lambda raw_launch: "has no pipecat")
    monkeypatch.setattr(interpreter, "COMMON_ENVIRONMENTS", (str(tmp_path / "app/.venv"), str(tmp_path / "opt/venv")))
    for name in interpreter.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def environment(place: Path, packages: str = "site-packages", version: str = "python3.12") -> Path:
    """Make what an environment with Pipecat looks like; give its interpreter."""
    (place / "lib" / version / packages / "pipecat_ai-1.14.0.dist-info").mkdir(parents=True)
    python = place / "bin" / version
    python.parent.mkdir(parents=True, exist_ok=True)
    python.touch(mode=0o755)
    return python


def test_interpreter_that_has_pipecat_is_kept_and_nothing_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "find_interpreter", lambda raw_launch: pytest.fail("searched"))
    raw_launch: dict[str, Any] = dict(TARGET)
    interpreter.ensure_interpreter(raw_launch, "script")
    assert raw_launch["python"] == sys.executable


def test_interpreter_that_the_spec_names_is_obeyed() -> None:
    raw_launch: dict[str, Any] = {"target": "bot.py", "python": "/opt/other/bin/python"}
    interpreter.ensure_interpreter(raw_launch, "script")
    assert raw_launch["python"] == "/opt/other/bin/python"


def test_interpreter_that_the_spec_names_is_not_replaced(bare: Path) -> None:
    environment(bare / ".venv")
    with pytest.raises(interpreter.NoInterpreterError) as raised:
        interpreter.choose_interpreter({**TARGET, "python": "python3.9"})
    assert str(raised.value) == "python3.9, which spec.bot.python names, has no pipecat"


@pytest.mark.parametrize("name", [".venv", "venv", "../app/.venv", "../opt/venv"])
def test_environment_in_a_usual_place_is_found(bare: Path, name: str) -> None:
    python = environment((bare / name).resolve())
    assert interpreter.choose_interpreter(TARGET) == str(python)


def test_environment_that_the_image_names_comes_first(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(bare / ".venv")
    python = environment(bare / "elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", str(bare / "elsewhere"))
    assert interpreter.choose_interpreter(TARGET) == str(python)


@pytest.mark.parametrize("words", [["{env}/bin/python", "bot.py"], ["/entrypoint.sh", "{env}/bin/support-bot"]])
def test_environment_of_the_command_is_found(bare: Path, words: list[str]) -> None:
    python = environment(bare / "far/away")
    command = [word.format(env=bare / "far/away") for word in words]
    assert interpreter.choose_interpreter({"command": command, "python": "python3"}) == str(python)


def test_environment_beside_the_bots_file_is_found(bare: Path) -> None:
    python = environment(bare.parent / "srv/.venv")
    assert interpreter.choose_interpreter({**TARGET, "target": str(bare.parent / "srv/bot.py")}) == str(python)


def test_other_python_of_the_system_is_found(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As Debian has it: what pip installs goes into /usr/local, and the interpreter is in /usr/bin.
    monkeypatch.setattr(interpreter, "COMMON_ENVIRONMENTS", (str(bare / "usr/local"),))
    python = environment(bare / "usr/local", packages="dist-packages")
    moved = bare / "usr/bin/python3.12"
    moved.parent.mkdir()
    python.rename(moved)
    monkeypatch.setenv("PATH", str(moved.parent))
    assert interpreter.choose_interpreter(TARGET) == str(moved)


def test_environment_without_pipecat_is_passed_over(bare: Path) -> None:
    (bare / ".venv/lib/python3.12/site-packages/requests-2.0.dist-info").mkdir(parents=True)
    python = environment(bare / "venv")
    assert interpreter.choose_interpreter(TARGET) == str(python)


def test_what_was_searched_is_told(bare: Path) -> None:
    with pytest.raises(interpreter.NoInterpreterError) as raised:
        interpreter.choose_interpreter(TARGET)
    message = str(raised.value)
    assert message.startswith(f"{sys.executable} has no pipecat; none with pipecat-ai was found by $VIRTUAL_ENV, ")
    assert f"or in {bare}/.venv, {bare}/venv, {bare.parent}/app/.venv, {bare.parent}/opt/venv: " in message
    assert message.endswith("name it in spec.bot.python")


def test_environment_that_is_broken_is_not_tried_for_ever(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = environment(bare / ".venv")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(interpreter.NoInterpreterError, match="has pipecat-ai, but has no pipecat"):
        interpreter.choose_interpreter(TARGET)


def test_command_needs_only_what_the_supervisor_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pipecat" else name)
    assert interpreter.missing_requirement(TARGET) == "has no pipecat"
    assert interpreter.missing_requirement({"command": ["uv", "run", "bot.py"]}) is None


def test_python_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert interpreter.missing_requirement(TARGET) == "is older than Python 3.11"


def test_report_reads_like_any_other(tmp_path: Path) -> None:
    interpreter.write_report({"reportPath": str(tmp_path / "log")}, "no Pipecat here")
    report = from_bytes((tmp_path / "log").read_bytes())
    assert (report.reason, report.outcome, report.message) == (
        Reason.BOT_ERROR,
        Outcome.NEVER_STARTED,
        "no Pipecat here",
    )


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py", "interpreter.py"])
def test_what_runs_first_is_written_for_old_pythons(name: str) -> None:
    ast.parse(Path(package).with_name(name).read_text(), feature_version=(3, 8))
