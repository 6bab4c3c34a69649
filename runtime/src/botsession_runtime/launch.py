"""Runs the bot that a target names: finds `async bot(runner_args)`, builds its arguments, runs it.

The bot's own half of target mode. Whatever keeps it from running is told to the supervisor as one sentence for the
bot's author, and each of them is a different one.
"""

import asyncio
import contextlib
import ctypes
import dataclasses
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from botsession_runtime import bot_process
from botsession_runtime.hook.wire import Wire, connect, register_dumps
from botsession_runtime.hook.words import names_of, one_line

OLDEST_PIPECAT = (1, 3)
_PR_SET_PDEATHSIG = 1

Bot = Callable[[Any], Awaitable[None]]
T = TypeVar("T")


class BotUnusableError(Exception):
    """The bot cannot be run; the message is a sentence for its author."""


def main() -> int:
    """Run the bot named in the environment."""
    orders = json.loads(os.environ.pop(bot_process.BOT_ENV))
    wire = connect()
    if wire is None:
        sys.stderr.write("botsession: launch is started by the supervisor, not by hand\n")
        return 2
    register_dumps(wire)
    die_with_supervisor()
    _restore_python_path()
    try:
        bot = find_bot(orders["target"])
        arguments = runner_arguments(orders)
    except BotUnusableError as exc:
        if exc.__cause__ is not None:
            traceback.print_exception(exc.__cause__)
        wire.tell("failed", message=str(exc))
        return 1
    wire.tell("imported")
    return _run(bot, arguments, wire)


def die_with_supervisor() -> None:
    """Have the kernel kill this process when its supervisor is killed, however stuck it is by then.

    In a container it does so anyway, since the supervisor is PID 1 there.
    """
    if os.getppid() != 1:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def find_bot(target: str) -> Bot:
    """Load the target and give its bot function; raise BotUnusableError."""
    check_pipecat()
    where, colon, name = target.partition(":")
    module = _load_file(Path(where)) if where.endswith(".py") else _load_module(where, has_function=bool(colon))
    bot = getattr(module, name or "bot", None)
    if bot is None:
        raise BotUnusableError(f"{where} has no function {name or 'bot'}")
    if not inspect.iscoroutinefunction(bot):
        raise BotUnusableError(f"{name or 'bot'} in {where} must be an async function: async def bot(runner_args)")
    found: Bot = bot
    return found


def check_pipecat() -> None:
    """Refuse an interpreter without Pipecat, or with one that has no hook to load."""
    if importlib.util.find_spec("pipecat") is None:
        raise BotUnusableError(f"pipecat is not installed for the interpreter {sys.executable}")
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
        version = importlib.metadata.version("pipecat-ai")
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PIPECAT:
            raise BotUnusableError(f"pipecat-ai {version} is older than 1.3, which has no PIPECAT_SETUP_FILES hook")


def runner_arguments(orders: dict[str, Any]) -> Any:
    """Build the arguments as Pipecat's own runner would, with signals left to the supervisor."""
    # Older versions can import this only with the extra `runner`, which is worth a sentence of its own.
    types = _importing("pipecat.runner.types", partial(importlib.import_module, "pipecat.runner.types"))
    known = {field.name for field in dataclasses.fields(types.RunnerArguments)}
    session = {"session_id": orders["session"]} if "session_id" in known else {}
    body = orders["body"]
    arguments = types.RunnerArguments(body={} if body is None else body, **session)
    arguments.handle_sigint = False
    arguments.handle_sigterm = False
    if orders.get("idle") is not None:
        # A bot that follows the convention hands it to its worker; 0 switches Pipecat's timer off, as ours.
        arguments.pipeline_idle_timeout_secs = orders["idle"]
    return arguments


def _run(bot: Bot, arguments: Any, wire: Wire) -> int:
    asyncio.run(_conversation(bot, arguments, wire))
    wire.tell("returned")
    return 0


async def _conversation(bot: Bot, arguments: Any, wire: Wire) -> None:
    """Run the bot and tell how it left.

    A crash is told here and not when asyncio.run has returned, which may be never: it cancels Pipecat's processors, and
    a worker in another task then waits for a CancelFrame that none of them hands on.
    """
    try:
        await bot(arguments)
    except Exception as exc:
        wire.tell("crashed", message=one_line(exc))
        raise
    await asyncio.sleep(0)  # lets tasks that are already on their way out get there
    # This process has no other tasks, so all that are left have leaked.
    left = asyncio.all_tasks() - {asyncio.current_task()}
    wire.tell("dangling", count=len(left), names=names_of(left))


def _load_file(path: Path) -> ModuleType:
    """Load a file the way `python bot.py` would: under its own name, its folder first on the path."""
    if not path.is_file():
        raise BotUnusableError(f"there is no file {path} in {Path.cwd()}")
    sys.path[0] = str(path.resolve().parent)
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise BotUnusableError(f"{path} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    _importing(str(path), partial(spec.loader.exec_module, module))
    return module


def _load_module(name: str, *, has_function: bool) -> ModuleType:
    if not has_function:
        raise BotUnusableError(f"{name!r} is neither a file such as bot.py nor module:function")
    return _importing(name, partial(importlib.import_module, name))


def _importing(name: str, load: Callable[[], T]) -> T:
    try:
        return load()
    except SyntaxError as exc:
        place = f"{Path(exc.filename or name).name}:{exc.lineno}"
        raise BotUnusableError(f"{place} has a syntax error: {exc.msg}") from exc
    except ImportError as exc:
        raise BotUnusableError(f"{name} could not be imported: {one_line(exc)}") from exc
    except Exception as exc:
        raise BotUnusableError(f"{name} raised while it was imported: {one_line(exc)}") from exc


def _restore_python_path() -> None:
    """Give the bot's own subprocesses the PYTHONPATH that they would have without us."""
    env = bot_process.without_our_path(dict(os.environ))
    os.environ.pop("PYTHONPATH", None)
    if "PYTHONPATH" in env:
        os.environ["PYTHONPATH"] = env["PYTHONPATH"]


if __name__ == "__main__":
    sys.exit(main())
