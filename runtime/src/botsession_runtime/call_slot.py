"""One session has one caller: the slot for that caller, and the end of the call."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

TAKEN_MESSAGE: Final = "this session has its caller already; a session is one conversation"


class CallSlot:
    """The one call of a session."""

    def __init__(self) -> None:
        self.is_taken = False
        self._arguments: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Reserve the slot while a caller is being connected; free it for the next caller if that fails."""
        self.is_taken = True
        with ExitStack() as undo:
            undo.callback(self._release)
            yield
            undo.pop_all()

    def accept(self, arguments: Any) -> None:
        """Set the runner arguments of the caller who has the slot."""
        self._arguments.set_result(arguments)

    @property
    def caller(self) -> "asyncio.Future[Any]":
        """A future of the runner arguments, done when a caller has connected."""
        return self._arguments

    def close(self) -> None:
        """Mark the conversation as over."""
        self._over.set()

    async def until_over(self) -> None:
        """Wait for the end of the conversation."""
        await self._over.wait()

    def _release(self) -> None:
        self.is_taken = False
