"""Notice when a bot's files change."""

from collections.abc import AsyncIterator
from pathlib import Path

import watchfiles

#: What a bot is made of: its code, and the manifest beside it.
SUFFIXES = (".py", ".yaml", ".yml")


class BotFiles(watchfiles.DefaultFilter):
    """The files that matter; not what Python, editors and version control write beside them."""

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        """Tell whether a change of this file starts the bot anew."""
        return path.endswith(SUFFIXES) and super().__call__(change, path)


async def changes(folder: Path) -> AsyncIterator[set[Path]]:
    """Give the files that have changed, each time some have."""
    async for found in watchfiles.awatch(folder, watch_filter=BotFiles(), recursive=True):
        yield {Path(path) for _, path in found}


def wait_for_change(folder: Path) -> None:
    """Wait until some file changes; Ctrl-C raises KeyboardInterrupt."""
    next(iter(watchfiles.watch(folder, watch_filter=BotFiles(), raise_interrupt=True)))
