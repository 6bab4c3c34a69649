"""The commands and their options."""

import asyncio
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import IntEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
import yaml
from rich.console import Console

from botsession_contract.lifecycle import Phase
from botsession_operator.api.admission import admit
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.api.status import Status
from botsession_operator.cli.companion import Companion
from botsession_operator.cli.local_run import run_session
from botsession_operator.cli.terminal import Terminal
from botsession_operator.cli.timeline import summary
from botsession_operator.effects.process import Place

#: How much of a failed bot's log is shown.
MOST_LINES: Final = 15
#: A level as loguru writes it by default.
_INFORMATION: Final = re.compile(r"\| (TRACE|DEBUG|INFO|SUCCESS) +\|")


class Exit(IntEnum):
    """What the exit code says."""

    SUCCEEDED = 0
    FAILED = 1  # the session ended as Failed, or the caller failed
    REFUSED = 2  # the manifest was not accepted, as it would not be by kubectl apply


app = typer.Typer(help="Run Pipecat voice bots and end them properly.", no_args_is_help=True, add_completion=True)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer's callback
    if wanted:
        typer.echo(metadata.version("botsession-operator"))
        raise typer.Exit


@app.callback()
def botsession(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Run Pipecat voice bots and end them properly."""


def _interpreter(given: str) -> str:
    if shutil.which(given) is None:
        raise typer.BadParameter(f"there is no program {given}")
    return given


def _words(given: str | None) -> list[str]:
    try:
        return shlex.split(given or "")
    except ValueError as exc:
        raise typer.BadParameter(f"{given!r} is not a command line: {exc}") from exc


@app.command()
def run(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A BotSession manifest (YAML).")],
    python: Annotated[
        str,
        typer.Option(
            callback=_interpreter,
            help="The interpreter that has Pipecat and this package; takes the place of spec.bot.python.",
            show_default="the one that runs this command",
        ),
    ] = sys.executable,
    caller: Annotated[
        str | None,
        typer.Option(
            help="A command to run once the pipeline has started, or the bot waits for its caller; its lines are shown."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="A folder for the bot's log and exit report; a temporary one otherwise."),
    ] = None,
) -> None:
    """Run one BotSession on this machine, without a cluster: same checks, same shutdown, same status.

    The bot runs in the manifest's folder, as in its image's WORKDIR. Ctrl-C ends the session gracefully, a second one
    at once. Exits with 0 when the session succeeded, 1 when it or the caller failed, 2 when the manifest or an option
    is not acceptable.
    """
    words = _words(caller)
    try:
        manifest = admit(read_manifest(file))
    except SpecError as exc:
        typer.echo(str(exc), err=True)
        raise typer.Exit(Exit.REFUSED) from None
    folder = output or Path(tempfile.mkdtemp(prefix="botsession-"))
    folder.mkdir(parents=True, exist_ok=True)
    key = manifest["metadata"]
    # Passes tell the timeline what they did; their log would only say it twice.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    terminal = Terminal(Console(highlight=False), f"{key['namespace']}/{key['name']}", datetime.now(UTC))
    companion = Companion(words, folder / "caller.log", terminal.show) if words else None
    log_path = folder / "bot.log"
    with log_path.open("ab") as log, terminal:
        log_start = log.tell()
        place = Place(file.resolve().parent, folder.resolve(), python, log)
        status = asyncio.run(run_session(manifest, place, terminal, companion))
    if companion:
        terminal.recall(companion.afterwards)
    lines = telling_lines(log_path.read_bytes()[log_start:])
    if status.phase is Phase.FAILED and not _is_located(status) and lines:
        terminal.quote("the end of the bot's log, without what is only information", lines)
    terminal.sum_up([*summary(status), *_kept(folder, status, companion)])
    is_good = status.phase is Phase.SUCCEEDED and not (companion and companion.has_failed)
    raise typer.Exit(Exit.SUCCEEDED if is_good else Exit.FAILED)


def _is_located(status: Status) -> bool:
    """Tell whether the line that matters is in the status; the stacks in the log then only repeat it."""
    return bool(status.finish and status.finish.stuck_at)


def _kept(folder: Path, status: Status, companion: Companion | None) -> Iterator[tuple[str, str]]:
    if companion and companion.recording:
        yield "recording", companion.recording
    yield "bot's log", str(folder / "bot.log")
    report = folder / f"{status.pod_name}.report.json"
    if report.exists():
        yield "exit report", str(report)


def telling_lines(log: bytes) -> list[str]:
    """Give the last lines of a bot's log that say what went wrong: warnings, errors and what has no level at all."""
    lines = [line.rstrip() for line in log.decode(errors="replace").splitlines()]
    return [line for line in lines if line and not _INFORMATION.search(line)][-MOST_LINES:]


def read_manifest(file: Path) -> Json:
    """Read the one manifest in a file; raise SpecError when it holds none or several."""
    try:
        documents = [each for each in yaml.safe_load_all(file.read_text(encoding="utf-8")) if each is not None]
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise SpecError(f"{file} is not YAML: {exc}") from exc
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise SpecError(f"{file} must hold one BotSession, it holds {len(documents)} documents")
    manifest: Json = documents[0]
    metadata_ = manifest.get("metadata")
    if isinstance(metadata_, dict):
        metadata_.setdefault("namespace", "default")
    return manifest
