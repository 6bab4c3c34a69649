"""Runs the bot that a target names: finds `async bot(runner_args)`, builds its arguments, runs it.

The bot's own half of target mode. Each reason that keeps the bot from running has its own sentence for the bot's
author, which the supervisor reports.
"""

import asyncio
import contextlib
import ctypes
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
from typing import Any

from botsession_runtime import bot_process, call_server
from botsession_runtime.bot_errors import BotLoadError, importing
from botsession_runtime.hook.formatting import describe_exception, exit_message, names_of
from botsession_runtime.hook.ipc import IpcConnection, connect, register_dumps
from botsession_runtime.transports import LaunchConfig, read_launch_config

OLDEST_PIPECAT = (1, 3)
_PR_SET_PDEATHSIG = 1
#: Imported when Pipecat loads the hook, which it does when a runner or a worker starts.
HOOK = "botsession_runtime.hook.session"

Bot = Callable[[Any], Awaitable[None]]
#: Runs the bot, from the first caller on or at once, until it returns.
Conversation = Callable[[], Awaitable[None]]


def main() -> int:
    """Run the bot named in the environment."""
    raw_config = json.loads(os.environ.pop(bot_process.BOT_ENV))
    connection = connect()
    if connection is None:
        sys.stderr.write("botsession: launch is started by the supervisor, not by hand\n")
        return 2
    register_dumps(connection)
    die_with_supervisor()
    _restore_python_path()
    try:
        bot = find_bot(raw_config["target"])
        conversation = _conversation_with(bot, read_launch_config(raw_config), connection)
    except BotLoadError as exc:
        if exc.__cause__ is not None:
            traceback.print_exception(exc.__cause__)
        connection.send("failed", message=str(exc))
        return 1
    except SystemExit as exc:
        connection.send("quit", message=exit_message(exc))
        raise
    connection.send("imported")
    return _run(conversation, connection)


def die_with_supervisor() -> None:
    """Make the kernel kill this process when its supervisor dies, even if this process is stuck.

    In a container it does so anyway, since the supervisor is PID 1 there.
    """
    if os.getppid() != 1:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def find_bot(target: str) -> Bot:
    """Load the target and return its bot; raise BotLoadError.

    As under Pipecat's runner it may be anything that can be called and returns what can be awaited: an async function,
    also behind decorators, an object with an async `__call__`, a partial. That it does is seen when it is called.
    """
    check_pipecat()
    where, colon, name = target.partition(":")
    module = _load_file(Path(where)) if where.endswith(".py") else _load_module(where, has_function=bool(colon))
    bot = getattr(module, name or "bot", None)
    if bot is None:
        raise BotLoadError(f"{where} has no function {name or 'bot'}")
    if not callable(bot) or inspect.isasyncgenfunction(bot):
        raise BotLoadError(_not_a_bot(where, name, _describe_kind(bot)))
    return partial(_call, bot, where, name)


async def _call(bot: Callable[[Any], Any], where: str, name: str, arguments: Any) -> None:
    _check_call(bot, where, name, arguments)
    returned = bot(arguments)
    if not inspect.isawaitable(returned):
        raise BotLoadError(_not_a_bot(where, name, f"it returned {type(returned).__name__}, which cannot be awaited"))
    await returned


def _check_call(bot: Callable[[Any], Any], where: str, name: str, arguments: Any) -> None:
    """Refuse a bot that cannot be called with its arguments, before Python does so with a line of ours."""
    try:
        signature = inspect.signature(bot)
    except ValueError:  # some that are written in C have none
        return
    try:
        signature.bind(arguments)
    except TypeError as exc:
        raise BotLoadError(_not_a_bot(where, name, f"it cannot be called like that: {exc}")) from None


def _describe_kind(bot: Any) -> str:
    return "it yields" if inspect.isasyncgenfunction(bot) else f"it is of the type {type(bot).__name__}"


def _not_a_bot(where: str, name: str, what: str) -> str:
    return f"{name or 'bot'} in {where} must be an async function: async def bot(runner_args); {what}"


def check_pipecat() -> None:
    """Refuse an interpreter without Pipecat, or with one that has no hook to load."""
    if importlib.util.find_spec("pipecat") is None:
        raise BotLoadError(f"pipecat is not installed for the interpreter {sys.executable}")
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
        version = importlib.metadata.version("pipecat-ai")
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PIPECAT:
            raise BotLoadError(f"pipecat-ai {version} is older than 1.3, which has no PIPECAT_SETUP_FILES hook")


def _conversation_with(bot: Bot, config: LaunchConfig, connection: IpcConnection) -> Conversation:
    """Return what runs the bot, at once or for its first caller; raise BotLoadError if that cannot work."""
    if config.listens:
        call_server.check(config)
        return partial(_wait_for_caller, bot, config, connection)
    return partial(_run_bot, bot, config.arguments(), connection)


async def _wait_for_caller(bot: Bot, config: LaunchConfig, connection: IpcConnection) -> None:
    """Wait for the first caller, and run the bot with the arguments of that call."""
    async with call_server.listening(config) as call_slot:
        connection.send("listening", port=config.transport.port if config.transport else None)
        arguments = await call_slot.caller
        connection.send("called")
        await _run_bot(bot, arguments, connection)


async def _run_bot(bot: Bot, arguments: Any, connection: IpcConnection) -> None:
    """Run the bot, and report a crash.

    Not after asyncio.run, which may never return: it cancels Pipecat's processors, and a worker in another task then
    waits for a CancelFrame that none of them passes on.
    """
    try:
        await bot(arguments)
    except (BotLoadError, KeyboardInterrupt):
        raise
    except SystemExit as exc:
        connection.send("quit", message=exit_message(exc))
        raise
    except BaseException as exc:
        if _is_crash(exc):
            connection.send("crashed", message=describe_exception(exc))
        raise


def _is_crash(exc: BaseException) -> bool:
    """Return whether an exception is the bot's own doing, and the hook does not report it.

    Where Pipecat has run, a cancellation is how its runner leaves, and the hook has reported what came of that. A task
    can also be cancelled by the event loop, which does so when another task calls `sys.exit()`.
    """
    if isinstance(exc, Exception):
        return True
    task = asyncio.current_task()
    is_cancelled = isinstance(exc, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return HOOK not in sys.modules and not is_cancelled


def _run(conversation: Conversation, connection: IpcConnection) -> int:
    try:
        asyncio.run(_run_and_report_tasks(conversation, connection))
    except BotLoadError as exc:
        connection.send("failed", message=str(exc))
        return 1
    except SystemExit as exc:  # of another task of the bot's: it comes out of the event loop
        connection.send("quit", message=exit_message(exc))
        raise
    connection.send("returned")
    return 0


async def _run_and_report_tasks(conversation: Conversation, connection: IpcConnection) -> None:
    await conversation()
    await asyncio.sleep(0)  # lets tasks that are already on their way out get there
    # This process has no other tasks, so all that are left have leaked.
    left = asyncio.all_tasks() - {asyncio.current_task()}
    connection.send("dangling", count=len(left), names=names_of(left))


def _load_file(path: Path) -> ModuleType:
    """Load a file the way `python bot.py` would: under its own name, its folder first on the path."""
    if not path.is_file():
        raise BotLoadError(f"there is no file {path} in {Path.cwd()}")
    sys.path[0] = str(path.resolve().parent)
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise BotLoadError(f"{path} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    importing(str(path), partial(spec.loader.exec_module, module))
    return module


def _load_module(name: str, *, has_function: bool) -> ModuleType:
    if not has_function:
        raise BotLoadError(f"{name!r} is neither a file such as bot.py nor module:function")
    return importing(name, partial(importlib.import_module, name))


def _restore_python_path() -> None:
    """Restore the PYTHONPATH that the bot's subprocesses would have without the runtime."""
    env = bot_process.without_package_folder(dict(os.environ))
    os.environ.pop("PYTHONPATH", None)
    if "PYTHONPATH" in env:
        os.environ["PYTHONPATH"] = env["PYTHONPATH"]


if __name__ == "__main__":
    sys.exit(main())
