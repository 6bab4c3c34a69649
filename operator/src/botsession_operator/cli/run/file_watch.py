"""Detect changes of a bot's files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

#: The suffixes of a bot's code and manifest.
SUFFIXES: Final = (".py", ".yaml", ".yml")
#: How often the files are compared, in milliseconds, for changes from before the watch.
RECHECK_MS: Final = 1000


@dataclass(slots=True)
class Watched:
    """A bot's folder, and its files' times when they were last read."""

    folder: Path
    _known: dict[Path, int] = field(default_factory=dict)

    def remember(self) -> None:
        """Record the present times of the files, before they are read."""
        self._known = self._times()

    def changed(self) -> list[str]:
        """Return the names of the files that have changed."""
        times = self._times()
        return sorted(path.name for path in times.keys() | self._known if times.get(path) != self._known.get(path))

    async def change(self) -> list[str]:
        """Wait until files change, and return their names."""
        import watchfiles

        async for _ in watchfiles.awatch(self.folder, yield_on_timeout=True, rust_timeout=RECHECK_MS):
            if names := self.changed():
                return names
        return []

    def wait(self) -> None:
        """Wait until files change; Ctrl-C raises KeyboardInterrupt."""
        import watchfiles

        changes = watchfiles.watch(self.folder, yield_on_timeout=True, rust_timeout=RECHECK_MS, raise_interrupt=True)
        next(None for _ in changes if self.changed())

    def _times(self) -> dict[Path, int]:
        found = (path for suffix in SUFFIXES for path in self.folder.rglob(f"*{suffix}"))
        return {path: path.stat().st_mtime_ns for path in found if path.is_file()}
