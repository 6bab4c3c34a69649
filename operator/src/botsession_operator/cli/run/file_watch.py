"""Notice when a bot's files change."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

#: What a bot is made of: its code, and the manifest beside it.
SUFFIXES: Final = (".py", ".yaml", ".yml")
#: A change that came before anybody watched is found after so long, in milliseconds.
RECHECK_MS: Final = 1000


@dataclass(slots=True)
class Watched:
    """A bot's folder, and how its files were when they were last read."""

    folder: Path
    _known: dict[Path, int] = field(default_factory=dict)

    def remember(self) -> None:
        """Take the files as they are now for those that are read next."""
        self._known = self._times()

    def changed(self) -> list[str]:
        """Name the files that are not as they were."""
        times = self._times()
        return sorted(path.name for path in times.keys() | self._known if times.get(path) != self._known.get(path))

    async def change(self) -> list[str]:
        """Wait until some files change, and name them."""
        import watchfiles

        async for _ in watchfiles.awatch(self.folder, yield_on_timeout=True, rust_timeout=RECHECK_MS):
            if names := self.changed():
                return names
        return []

    def wait(self) -> None:
        """Wait until some files change; Ctrl-C raises KeyboardInterrupt."""
        import watchfiles

        changes = watchfiles.watch(self.folder, yield_on_timeout=True, rust_timeout=RECHECK_MS, raise_interrupt=True)
        next(None for _ in changes if self.changed())

    def _times(self) -> dict[Path, int]:
        found = (path for suffix in SUFFIXES for path in self.folder.rglob(f"*{suffix}"))
        return {path: path.stat().st_mtime_ns for path in found if path.is_file()}
