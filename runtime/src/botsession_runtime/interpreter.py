"""Finds the interpreter that has Pipecat, in an image whose `python3` is another one.

This is the first of our code to run, on whatever `python3` an image has. That one may be too old for Pipecat, and for
the rest of the runtime too; so this is written for Python 3.8 and needs the standard library only. Where `python3` is
right nothing is searched, and where it is not no other interpreter is started to find out: an environment shows in its
folders what it has.

The bot waits for it, so `pathlib` is imported for a search only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from typing import Any, Iterator, NoReturn  # noqa: UP035  # Python 3.8's collections.abc has no such Iterator

#: The default of `spec.bot.python`. Any other value is used as it is.
DEFAULT_PYTHON = "python3"
OLDEST_PYTHON = (3, 11)
#: The supervisor's own needs, which come with pipecat-ai.
SUPERVISORS_NEEDS = ("aiohttp", "loguru")
#: What shows in an environment that pip, uv or conda has put Pipecat into.
PIPECAT_METADATA = "lib/python3.*/*-packages/pipecat_ai-*.dist-info"
#: Variables by which an image says where its environment is.
VARIABLES = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "CONDA_PREFIX")
#: How environments are called that lie beside the bot.
ADJACENT_NAMES = (".venv", "venv")
COMMON_ENVIRONMENTS = (
    "/app/.venv",  # uv's guide to Docker, and Pipecat Cloud's base image
    "/app/venv",
    "/opt/venv",  # builds in several stages, which copy the environment
    "/venv",
    "/.venv",
    "/opt/app-root",  # Red Hat's Python images, which put it on the PATH of shells only
    "/opt/conda",
    "/usr/local",  # another Python beside the one that is `python3`
    "/usr",
)


class NoInterpreterError(Exception):
    """No interpreter can run the bot; the message is a sentence for its author."""


def ensure_interpreter(raw_launch: dict[str, Any], script: str) -> None:
    """Return if this interpreter is the right one; replace this process by the right one otherwise."""
    chosen = choose_interpreter(raw_launch)
    if chosen != sys.executable:
        exec_interpreter(chosen, script)
    if requested_python(raw_launch) == DEFAULT_PYTHON:
        raw_launch["python"] = sys.executable


def choose_interpreter(raw_launch: dict[str, Any]) -> str:
    """Return the interpreter to run the session with; raise NoInterpreterError."""
    missing = missing_requirement(raw_launch)
    if missing is None:
        return sys.executable
    if requested_python(raw_launch) != DEFAULT_PYTHON:
        raise NoInterpreterError(f"{requested_python(raw_launch)}, which spec.bot.python names, {missing}")
    found = find_interpreter(raw_launch)
    if found is None:
        raise NoInterpreterError(f"{sys.executable} {missing}; {describe_search(raw_launch)}")
    if found == sys.executable:
        raise NoInterpreterError(f"{found} has pipecat-ai, but {missing}")
    return found


def requested_python(raw_launch: dict[str, Any]) -> str:
    """Return what the spec calls the interpreter."""
    return str(raw_launch.get("python") or DEFAULT_PYTHON)


def missing_requirement(raw_launch: dict[str, Any]) -> str | None:
    """Return what this interpreter lacks, as the end of a sentence; None if it can run the session."""
    if sys.version_info < OLDEST_PYTHON:
        return "is older than Python 3.11"
    needs = SUPERVISORS_NEEDS if raw_launch.get("command") else ("pipecat", *SUPERVISORS_NEEDS)
    return next((f"has no {name}" for name in needs if importlib.util.find_spec(name) is None), None)


def exec_interpreter(python: str, script: str) -> NoReturn:
    """Execute another interpreter in this process, which so stays process 1."""
    os.execv(python, [python, script])  # noqa: S606  # no shell is wanted


def find_interpreter(raw_launch: dict[str, Any]) -> str | None:
    """Return the first interpreter in the usual places that has Pipecat."""
    return next(
        (python for environment in candidate_environments(raw_launch) for python in interpreters(environment)), None
    )


def candidate_environments(raw_launch: dict[str, Any]) -> Iterator[str]:
    """Yield where to look: what the image says, what the command says, beside the bot, and where most have it."""
    yield from (os.environ[name] for name in VARIABLES if os.environ.get(name))
    yield from (environment_of(str(word)) for word in raw_launch.get("command") or () if "/bin/" in str(word))
    yield from adjacent_environments(raw_launch)
    yield from COMMON_ENVIRONMENTS


def environment_of(program: str) -> str:
    """Return the environment that a program would be in: its path up to `bin`."""
    return program.rpartition("/bin/")[0] or "/"


def adjacent_environments(raw_launch: dict[str, Any]) -> Iterator[str]:
    """Return the environments that would lie beside the bot: in the working directory, and in that of its file."""
    target = str(raw_launch.get("target") or "")
    is_file = target.partition(":")[0].endswith(".py")
    folders = [os.getcwd(), *([os.path.dirname(os.path.abspath(target))] if is_file else [])]
    return (os.path.join(folder, name) for folder in dict.fromkeys(folders) for name in ADJACENT_NAMES)


def interpreters(environment: str) -> Iterator[str]:
    """Yield the interpreters of an environment that have Pipecat: of a virtual one, conda's, or the system's."""
    import shutil  # both take their time, which most sessions do not have to spend
    from pathlib import Path

    for found in sorted(Path(environment).absolute().glob(PIPECAT_METADATA)):
        version = found.parts[-3]
        for python in (os.path.join(environment, "bin", version), shutil.which(version)):
            if python and os.access(python, os.X_OK):
                yield os.path.abspath(python)


def describe_search(raw_launch: dict[str, Any]) -> str:
    """Return where an interpreter was looked for."""
    variables = ", ".join(f"${name}" for name in VARIABLES)
    folders = ", ".join((*adjacent_environments(raw_launch), *COMMON_ENVIRONMENTS))
    return f"none with pipecat-ai was found by {variables}, or in {folders}: name it in spec.bot.python"


def write_report(raw_launch: dict[str, Any], message: str) -> None:
    """Write the exit report of a bot for which there is no interpreter.

    By hand, since this Python may not be able to import the contract; a test reads it back.
    """
    finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    exit_report = {"reason": "BotError", "outcome": "NeverStarted", "finishedAt": finished, "message": message}
    sys.stderr.write(f"botsession: {message}\n")
    try:
        with open(raw_launch.get("reportPath") or "/dev/termination-log", "w", encoding="utf-8") as file:
            file.write(json.dumps(exit_report))
    except OSError as exc:
        sys.stderr.write(f"botsession: the report could not be written: {exc}\n")
