"""The commands and their options."""

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from enum import IntEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated

import structlog
import typer
import yaml
from rich.console import Console

from botsession_contract.lifecycle import Phase
from botsession_operator.api.admission import admit
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.cli.local_run import run_session
from botsession_operator.cli.terminal import Terminal
from botsession_operator.effects.process import Place


class Exit(IntEnum):
    """What the exit code says."""

    SUCCEEDED = 0
    FAILED = 1  # the session ended as Failed
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


@app.command()
def run(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A BotSession manifest (YAML).")],
    python: Annotated[
        Path, typer.Option(help="The interpreter that has Pipecat; takes the place of spec.bot.python.")
    ] = Path(sys.executable),
    caller: Annotated[
        str | None, typer.Option(help="A command to run once the pipeline has started; its lines are shown.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="A folder for the bot's log and exit report; a temporary one otherwise.")
    ] = None,
) -> None:
    """Run one BotSession on this machine, without a cluster: same checks, same shutdown, same status.

    The bot runs in the manifest's folder, as in its image's WORKDIR. Ctrl-C ends the session gracefully, a second one
    at once. Exits with 0 when the session succeeded, 1 when it failed, 2 when the manifest is not acceptable.
    """
    try:
        manifest = admit(read_manifest(file))
    except SpecError as exc:
        typer.echo(str(exc), err=True)
        raise typer.Exit(Exit.REFUSED) from None
    folder = output or Path(tempfile.mkdtemp(prefix="botsession-"))
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / "bot.log"
    key = manifest["metadata"]
    # Passes tell the timeline what they did; their log would only say it twice.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    terminal = Terminal(Console(highlight=False), f"{key['namespace']}/{key['name']}", datetime.now(UTC))
    with log_path.open("ab") as log, terminal:
        place = Place(file.resolve().parent, folder.resolve(), str(python), log)
        status = asyncio.run(run_session(manifest, place, terminal, caller))
    terminal.sum_up(status, {"log": str(log_path)})
    raise typer.Exit(Exit.SUCCEEDED if status.phase is Phase.SUCCEEDED else Exit.FAILED)


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
