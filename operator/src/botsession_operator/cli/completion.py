"""`botsession completion`, and the completion of `kubectl botsession`."""

import os
import sys
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Final

import typer

from botsession_operator.cli.output import say

PROGRAM: Final = "botsession"
VARIABLE: Final = "_BOTSESSION_COMPLETE"
#: Tells kubectl not to complete names of files (github.com/spf13/cobra, ShellCompDirectiveNoFileComp).
_NO_FILES: Final = ":4"


class Shell(StrEnum):
    """A shell with a completion script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Your shell.", show_default=False)]) -> None:
    """Print the completion script of a shell.

    It completes commands, options and names of sessions: `source <(botsession completion bash)`. `kubectl botsession`
    is completed by kubectl itself, once that is set up: `kubectl completion --help`.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # documented, not exported

    say(get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell))


def complete_for_kubectl() -> None:
    """Print a line for each completion. kubectl runs `kubectl_complete-botsession WORD...` and reads the lines."""
    from botsession_operator.cli.app import app

    words = [PROGRAM, *sys.argv[1:]]
    os.environ |= {VARIABLE: "complete_bash", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    with suppress(SystemExit):
        app(prog_name=PROGRAM)
    say(_NO_FILES)
