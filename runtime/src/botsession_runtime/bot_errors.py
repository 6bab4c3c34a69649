"""Why a bot cannot be run, as one sentence for its author; shared by what loads it and what calls it."""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from botsession_runtime.hook.formatting import describe_exception

T = TypeVar("T")


class BotLoadError(Exception):
    """The bot cannot be run; the message is a sentence for its author."""


def importing(name: str, load: Callable[[], T]) -> T:
    """Import something of the bot's image; raise BotLoadError where that fails."""
    try:
        return load()
    except SyntaxError as exc:
        place = f"{Path(exc.filename or name).name}:{exc.lineno}"
        raise BotLoadError(f"{place} has a syntax error: {exc.msg}") from exc
    except ImportError as exc:
        raise BotLoadError(f"{name} could not be imported: {describe_exception(exc)}") from exc
    except Exception as exc:
        raise BotLoadError(f"{name} raised while it was imported: {describe_exception(exc)}") from exc


def module(name: str) -> Any:
    """Import a module of the bot's image by its name."""
    return importing(name, lambda: importlib.import_module(name))


def pipecat_release() -> str:
    """Return the name and version of the installed Pipecat, for a sentence."""
    try:
        return f"pipecat-ai {importlib.metadata.version('pipecat-ai')}"
    except importlib.metadata.PackageNotFoundError:
        return "this Pipecat"


def require(what: str, extra: str, *packages: str) -> None:
    """Raise BotLoadError if the image lacks packages that `what` needs; the message says what to install."""
    missing = [each for each in packages if importlib.util.find_spec(each) is None]
    if missing:
        raise BotLoadError(f"{what} needs {' and '.join(missing)} in the bot's image: install {extra}")
