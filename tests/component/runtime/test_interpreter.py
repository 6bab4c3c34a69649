"""Sessions in images whose `python3` has no Pipecat: the supervisor goes where Pipecat is, or says where it looked."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from botsession_contract.lifecycle import Cause, Outcome, Reason
from tests import supervision
from tests.supervision import BOTS, ROOT, Supervised


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have the supervisor started by an interpreter that has no packages; give the bot's folder."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    monkeypatch.setattr(supervision, "PYTHON", str(tmp_path / "bare/bin/python3"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    folder = tmp_path / "bot"
    folder.mkdir()
    return folder


def image_with(folder: Path, name: str) -> None:
    """Lay our own environment out beside the bot."""
    (folder / name).symlink_to(sys.prefix)


def started_as_python3(folder: Path, **launch: object) -> Supervised:
    """Supervise a bot for which nobody has named an interpreter."""
    return Supervised(folder, launch.pop("target", None), python="python3", **launch)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [".venv", "venv"])
async def test_environment_beside_the_bot_runs_it(bare: Path, name: str) -> None:
    image_with(bare, name)
    async with started_as_python3(bare, target=str(BOTS / "completes.py")) as session:
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.DRAINED)


async def test_environment_of_the_command_supervises_it(bare: Path) -> None:
    image_with(bare, "elsewhere")
    command = (str(bare / "elsewhere/bin/python"), str(BOTS / "script.py"))
    async with started_as_python3(bare, command=command) as session:
        await session.running()
        await session.end(cause=Cause.END_REQUESTED)
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.DRAINED)


async def test_early_sigterm_is_not_lost_on_the_way(bare: Path) -> None:
    image_with(bare, ".venv")
    # Held back from before the first interpreter has begun, as main() does first of all.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    async with started_as_python3(bare, target=str(BOTS / "quiet.py")) as session:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        session.terminate()
        report = await session.report()
    assert report.reason is Reason.EVICTED


async def test_image_without_pipecat_is_told_where_it_was_looked_for(bare: Path) -> None:
    async with started_as_python3(bare, target="bot.py") as session:
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.BOT_ERROR, Outcome.NEVER_STARTED)
    assert report.message is not None
    assert report.message.startswith(f"{supervision.PYTHON} has no pipecat; none with pipecat-ai was found by")
    assert f"{bare}/.venv, {bare}/venv, /app/.venv, " in report.message


async def test_named_interpreter_without_pipecat_is_told(bare: Path) -> None:
    image_with(bare, ".venv")
    async with Supervised(bare, "bot.py", python=supervision.PYTHON) as session:
        report = await session.report()
    assert report.message == f"{supervision.PYTHON}, which spec.bot.python names, has no pipecat"


def test_injected_runtime_names_its_way_through_interpreters(bare: Path) -> None:
    """Run by its path, as in a pod, it needs no PYTHONPATH to become another interpreter."""
    image_with(bare, ".venv")
    script = ROOT / "runtime/src/botsession_runtime/__main__.py"
    environment = {"BOTSESSION_LAUNCH": '{"target": "bot.py", "namespace": 1}', "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [supervision.PYTHON, script], cwd=bare, env=environment, capture_output=True, text=True, check=False
    )
    assert "the launch cannot be used" in done.stderr
