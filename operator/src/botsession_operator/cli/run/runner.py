"""Carry out `botsession run`: once, or again after each change of a file."""

import asyncio
import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from botsession_contract.lifecycle import Phase
from botsession_operator.api.status import Status
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.manifests import Json, admitted_with_pod, read_manifest
from botsession_operator.cli.output import console, say
from botsession_operator.cli.render.timeline import summary
from botsession_operator.cli.run.caller_process import CallerProcess
from botsession_operator.cli.run.file_watch import Watched
from botsession_operator.cli.run.run_options import RunOptions
from botsession_operator.cli.run.session import Run, run_session
from botsession_operator.cli.run.terminal import Terminal
from botsession_operator.errors import PodRefused
from botsession_operator.local.environment import environment
from botsession_operator.local.supervisor_process import RunFiles
from botsession_operator.log import silence_log

#: How many lines of a failed bot's log are shown.
MAX_LINES: Final = 15
_PROBE: Final = """
from importlib.util import find_spec
needed = {"pipecat": "pipecat-ai", "botsession_runtime": "botsession-operator"}
print(" and no ".join(name for module, name in needed.items() if find_spec(module) is None))
"""
#: The levels of loguru's default format that do not explain a failure.
_INFORMATION: Final = re.compile(r"\| (TRACE|DEBUG|INFO|SUCCESS) +\|")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The arguments of `botsession run`."""

    file: Path
    python: str
    caller: list[str]
    #: The folder for the bot's log and its exit report; None is a temporary folder.
    output: Path | None
    options: RunOptions


def run_all(request: RunRequest) -> Exit:
    """Run the session once, or again after each change of watched files."""
    if missing := _missing_packages(request.python):
        raise CliError(Exit.REFUSED, f"{request.python} has no {missing}; set --python to an interpreter that has it")
    folder = request.output or Path(tempfile.gettempdir()) / f"botsession-{secrets.token_hex(8)}"
    # The timeline shows what passes do; their log would repeat it.
    silence_log()
    watched = request.options.watched
    return _run_on_changes(request, folder, watched) if watched else run_once(request, folder)[0]


def _missing_packages(python: str) -> str:
    """Return the packages that an interpreter lacks to run a bot, as text."""
    done = subprocess.run([python, "-c", _PROBE], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _run_on_changes(request: RunRequest, folder: Path, files: Watched) -> Exit:
    """Run until Ctrl-C; after a change, end the session and run it again."""
    while True:
        files.remember()
        try:
            code, run_ = run_once(request, folder)
        except CliError as error:
            say(f"botsession: {error}", err=True)
            code, run_ = error.code, None
        if run_ and run_.interrupts:
            return code
        if not (run_ and run_.is_outdated):
            say(f"Waiting for a change in {files.folder}; press Ctrl-C to quit.", err=True)
            files.wait()


def run_once(request: RunRequest, folder: Path) -> tuple[Exit, Run]:
    """Run a session and print its summary; raise CliError where the manifest is not acceptable."""
    manifest, pod = admitted_with_pod(read_manifest(request.file), "default")
    _refuse_missing_values(pod)
    # After the checks, so that a refused manifest leaves no folder. A temporary folder is for this user only.
    folder.mkdir(0o777 if request.output else 0o700, parents=True, exist_ok=True)
    key = manifest["metadata"]
    terminal = Terminal(console(), f"{key['namespace']}/{key['name']}", datetime.now(UTC))
    caller = CallerProcess(request.caller, folder / "caller.log", terminal.show) if request.caller else None
    log_path = folder / "bot.log"
    with log_path.open("ab") as log, terminal:
        log_start = log.tell()
        files = RunFiles(request.file.resolve().parent, folder.resolve(), request.python, log)
        run_ = asyncio.run(run_session(manifest, files, terminal, caller, request.options))
    assert run_.status is not None  # noqa: S101  # a finished session has a status
    if caller:
        terminal.show_late(caller.late_entries)
    lines = lines_of_failure(log_path.read_bytes()[log_start:])
    if run_.status.phase is Phase.FAILED and not _is_located(run_.status) and lines:
        terminal.quote("the end of the bot's log, warnings and errors only", lines)
    terminal.show_summary([*summary(run_.status), *_kept(folder, run_.status, caller)])
    is_good = run_.status.phase is Phase.SUCCEEDED and not (caller and caller.has_failed)
    return Exit.OK if is_good else Exit.FAILED, run_


def _refuse_missing_values(pod: Json) -> None:
    """Raise CliError for a variable without a value. In a cluster the pod would wait for it until startTimeout."""
    try:
        environment(pod, os.environ)
    except PodRefused as refusal:
        raise CliError(Exit.REFUSED, refusal.message) from None


def _is_located(status: Status) -> bool:
    """Return whether the status names the line at which the bot was stuck, so that the log's stacks add nothing."""
    return bool(status.finish and status.finish.stuck_at)


def _kept(folder: Path, status: Status, caller: CallerProcess | None) -> Iterator[tuple[str, str]]:
    if caller and caller.recording:
        yield "recording", caller.recording
    yield "bot's log", str(folder / "bot.log")
    report = folder / f"{status.pod_name}.report.json"
    if report.exists():
        yield "exit report", str(report)


def lines_of_failure(log: bytes) -> list[str]:
    """Return the last lines of a bot's log that explain a failure: warnings, errors, and lines without a level."""
    lines = [line.rstrip() for line in log.decode(errors="replace").splitlines()]
    return [line for line in lines if line and not _INFORMATION.search(line)][-MAX_LINES:]
