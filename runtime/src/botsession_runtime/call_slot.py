"""One session is one conversation: who has the line, and when it is over."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

TAKEN_MESSAGE: Final = "this session has its caller already; a session is one conversation"


class CallSlot:
    """Keeps the line for the first caller."""

    def __init__(self) -> None:
        self.is_taken = False
        self._arguments: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Keep the line while a caller is being connected; one that cannot be leaves it to the next."""
        self.is_taken = True
        with ExitStack() as undo:
            undo.callback(self._release)
            yield
            undo.pop_all()

    def accept(self, arguments: Any) -> None:
        """Hand over the runner arguments of the caller who has the line."""
        self._arguments.set_result(arguments)

    @property
    def caller(self) -> "asyncio.Future[Any]":
        """Is done when a caller has come; gives the runner arguments."""
        return self._arguments

    def close(self) -> None:
        """Say that the conversation is over."""
        self._over.set()

    async def until_over(self) -> None:
        """Wait for the end of the conversation."""
        await self._over.wait()

    def _release(self) -> None:
        self.is_taken = False
