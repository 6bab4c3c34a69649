"""The command line: its commands, and the module of each.

A command's module is imported when the command is called, so that each command starts fast: running a session, checking
a manifest and talking to a cluster need different libraries.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.output import guard, guarded, say

_PACKAGE: Final = "botsession_operator.cli"
#: Each command, in the order of the help, with its module and function.
COMMANDS: Final = {
    "start": "start.command:start",
    "list": "list_sessions:list_sessions",
    "get": "list_sessions:get",
    "describe": "describe:describe",
    "why": "why:why",
    "top": "top:top",
    "logs": "logs:logs",
    "extend": "end_sessions:extend",
    "end": "end_sessions:end",
    "run": "run.command:run",
    "check": "check.command:check",
    "doctor": "check.doctor:doctor",
    "completion": "completion:completion",
}
#: Arguments that begin with a minus: `extend NAME -5m`.
_SETTINGS: Final = {"extend": {"ignore_unknown_options": True}}
EXIT_CODES: Final = (
    "Exit codes: 0 success; 1 the session or a check failed; 2 invalid input; 3 not found; 4 the cluster does not "
    "answer; 5 forbidden."
)


class Commands(TyperGroup):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # click's signature
        """Import and return a command; return None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        function, single = _function(cmd_name), typer.Typer(add_completion=False, rich_markup_mode=None)
        summary = (function.__doc__ or "").partition("\n")[0]
        single.command(cmd_name, short_help=summary, context_settings=_SETTINGS.get(cmd_name))(function)
        return typer.main.get_command(single)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run with guarded streams, which escape control characters in all output."""
        with guarded():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; print a CliError as one sentence on standard error, and exit with its code."""
        try:
            return super().invoke(ctx)
        except CliError as error:
            say(f"botsession: {error}", err=True)
            raise typer.Exit(error.code) from None
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None


def _function(command: str) -> Callable[..., Any]:
    module, _, name = COMMANDS[command].partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(f"{_PACKAGE}.{module}"), name)
    return function


app = typer.Typer(
    cls=Commands,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer's callback
    if wanted:
        from importlib import metadata

        say(metadata.version("botsession-operator"))
        raise typer.Exit


@app.callback()
def botsession(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Start, watch, explain and end voice-bot sessions, on a cluster or on this machine.

    Also available as `kubectl botsession`. A session is a BotSession and its pod. Commands use your kubeconfig: its
    cluster and your permissions.
    """


def main() -> None:
    """Run the command line, under the name by which it was called."""
    guard()  # for tracebacks too
    is_plugin = Path(sys.argv[0]).name.startswith("kubectl-")
    app(prog_name="kubectl botsession" if is_plugin else "botsession")
