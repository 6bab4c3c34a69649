"""Exceptions, tasks and reasons as bounded texts for people."""

import asyncio
import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

#: Longer than what is reported: the supervisor removes secrets before it shortens a text (redact.py).
MAX_TEXT_LENGTH = 4000
MAX_NAMES = 20
#: Twenty of these are a line that the supervisor reads (line_reader.py), whatever characters they have.
MAX_NAME_LENGTH = 1000


def describe_exception(exc: BaseException) -> str:
    """Return an exception as `ValueError: text (bot.py:42 in handler)`: the innermost line of the user's own code."""
    text, place = single_line(f"{type(exc).__name__}: {text_of(exc)}"), _code_place(exc.__traceback__)
    return f"{text} ({place})" if place else text


def exit_message(exc: SystemExit) -> str | None:
    """Return the sentence with which `sys.exit()` was called; None where it was given a number, or nothing."""
    is_sentence = exc.code is not None and not isinstance(exc.code, int)
    return (single_line(text_of(exc.code)) or None) if is_sentence else None


def text_of(value: Any) -> str:
    """Return an object of the bot's as a text; where it raises instead, a text that says so."""
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001  # str() of the bot's own object may raise anything
        return f"a text that cannot be shown ({type(exc).__name__})"


def single_line(text: str) -> str:
    """Return a text as one line that is not too long."""
    return " ".join(text.split())[:MAX_TEXT_LENGTH]


def reason_text(reason: Any) -> str | None:
    """Return the reason that a frame carries, which may be anything, as a text that is not too long; None for none."""
    if reason is None:
        return None
    try:
        return str(reason)[:MAX_TEXT_LENGTH]
    except Exception as exc:  # noqa: BLE001  # str() of the bot's own object may raise anything
        return f"a reason that cannot be shown ({type(exc).__name__})"


def names_of(tasks: Iterable["asyncio.Task[Any]"]) -> list[str]:
    """Return the names of tasks in order, at most MAX_NAMES: a task without a name has that of its coroutine."""
    names = [(task.get_name(), getattr(task.get_coro(), "__qualname__", "")) for task in tasks]
    shown = sorted(coro if coro and name.startswith("Task-") else name for name, coro in names)[:MAX_NAMES]
    return [name[:MAX_NAME_LENGTH] for name in shown]


def _code_place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    own = [frame for frame in frames if _is_own_code(frame.filename)]
    last = (own or frames)[-1:]
    return "".join(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in last)


def _is_own_code(filename: str) -> bool:
    library = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}", str(Path(os.__file__).parent))
    return not filename.startswith("<") and not any(each in filename for each in (*library, "botsession_runtime"))
