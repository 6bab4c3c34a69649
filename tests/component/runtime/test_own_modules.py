"""A bot whose folder has modules that are named like standard ones: they are the bot's, and not the supervisor's."""

from pathlib import Path

import pytest

from botsession_contract.lifecycle import Cause, Outcome, Reason
from botsession_contract.names import BOT_CONTAINER
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from tests.builders import raw_spec, session
from tests.supervision import BOTS, PYTHON, Supervised

#: Shows which modules it finds, before a bot of ours ends itself.
BOT = f"""
import sys
import helper
sys.path.append({str(BOTS)!r})
from completes import bot
print("FOUND", helper.__file__, flush=True)
"""
OURS = "raise ImportError('this is no module for a supervisor')\n"


def bundled() -> tuple[str, ...]:
    """Return what the interpreter is given in the container of a bot whose image contains the runtime."""
    pod = build_pod(
        session(bot={**raw_spec()["bot"], "runtime": "Bundled"}), "", PodSettings("", Injection.IMAGE_VOLUME)
    )
    (container,) = (each for each in pod["spec"]["containers"] if each["name"] == BOT_CONTAINER)
    return tuple(container["command"][1:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a working directory with modules of such names."""
    for name in ("json", "asyncio", "logging", "calendar"):
        (tmp_path / f"{name}.py").write_text(OURS)
    return tmp_path


async def test_bundled_supervisor_does_not_import_the_bots_modules(folder: Path) -> None:
    command = (PYTHON, str(BOTS / "script.py"))
    async with Supervised(folder, None, command=command) as supervised:
        await supervised.running()
        await supervised.end(cause=Cause.END_REQUESTED)
        report = await supervised.report()
    assert (report.reason, report.outcome) == (Reason.END_REQUESTED, Outcome.DRAINED)


async def test_module_of_the_working_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(BOT)
    (tmp_path / "helper.py").write_text("")
    async with Supervised(tmp_path, "own:bot") as supervised:
        report = await supervised.report()
    assert (report.reason, report.outcome) == (Reason.COMPLETED, Outcome.DRAINED)
    assert f"FOUND {tmp_path}/helper.py" in (tmp_path / "log").read_text()


def test_supervisors_of_tests_are_started_as_a_bundled_one_is() -> None:
    assert Supervised.arguments == bundled()
