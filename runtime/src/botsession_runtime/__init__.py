"""The runtime: a supervisor beside the bot, and a small hook inside it. Bots may use `set_result`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botsession_runtime.result import set_result

__all__ = ["set_result"]


def __getattr__(name: str) -> Any:
    """Return what a bot asks for when it does: the supervisor may begin with an interpreter that is too old for it."""
    if name != "set_result":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from botsession_runtime.result import set_result

    return set_result
