"""`botsession run`: the command and its options. The code that runs the session is imported when needed."""

import shlex
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from botsession_contract.lifecycle import Mode
from botsession_operator.api.duration import parse_duration
from botsession_operator.cli.run.file_watch import Watched
from botsession_operator.cli.run.run_options import FaultTarget, RunOptions


def _interpreter(given: str) -> str:
    if shutil.which(given) is None:
        raise typer.BadParameter(f"there is no program {given}")
    return given


def _words(given: str | None) -> list[str]:
    try:
        return shlex.split(given or "")
    except ValueError as exc:
        raise typer.BadParameter(f"{given!r} is not a command line: {exc}") from exc


def _length(given: str | None) -> timedelta | None:
    try:
        return None if given is None else parse_duration(given)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def run(
    file: Annotated[Path, typer.Argument(help="A BotSession manifest (YAML).")],
    *,
    python: Annotated[
        str,
        typer.Option(
            callback=_interpreter,
            help="The Python interpreter that has Pipecat and this package; replaces spec.bot.python.",
            show_default="the one that runs botsession",
        ),
    ] = sys.executable,
    caller: Annotated[
        str | None,
        typer.Option(
            help="A command to run once the pipeline has started, or the bot waits for its caller. Its output is shown."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="A folder for the bot's log and exit report; default: a temporary one."),
    ] = None,
    end_after: Annotated[
        str | None, typer.Option(metavar="DURATION", help="End the session this long after the pipeline has started.")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="How --end-after ends the session.")] = Mode.GRACEFUL,
    kill: Annotated[
        FaultTarget | None,
        typer.Option(
            help="Test a fault: kill the operator each time the session enters a phase. A new one starts 1 s later.",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Restart the session when the manifest or a Python file beside it changes.")
    ] = False,
) -> None:
    """Run a session on this machine, without a cluster.

    Checks, shutdown and status are the same as on a cluster. The bot runs in the manifest's folder, as in its image's
    WORKDIR. Ctrl-C ends the session gracefully, a second Ctrl-C at once. Exits with 0 if the session succeeds, 1 if it
    or the caller fails, 2 if the manifest or an option is invalid.
    """
    # A missing file is reported when it is read.
    watched = Watched(file.resolve().parent) if watch and file.is_file() else None
    options = RunOptions(_length(end_after), mode, kill, watched)
    words = _words(caller)
    from botsession_operator.cli.run.runner import RunRequest, run_all

    raise typer.Exit(run_all(RunRequest(file, python, words, output, options)))
