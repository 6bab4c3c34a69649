"""A program that plays the caller beside a session. Its output becomes part of the timeline."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from botsession_operator.cli.render.timeline import Entry
from botsession_operator.local.supervisor_process import die_with_parent

#: How long the caller may run after the session has ended, in seconds: it may still analyse its recording.
CALLER_TIMEOUT_SECONDS: Final = 60.0


@dataclass(slots=True)
class CallerProcess:
    """A caller's command, and what its lines have said so far.

    A JSON line `{"at": seconds, "event": …, "detail": …}` is shown at its own time, any other line at the present time.
    An event before the last one comes from the caller's recording, and is kept for the end.
    """

    command: Sequence[str]
    #: The file for standard error.
    log_path: Path
    show: Callable[[Entry], None]
    #: Events from the recording, for the end.
    late_entries: list[Entry] = field(default_factory=list)
    #: The path of the recording, from a JSON line of the caller.
    recording: str | None = None
    has_failed: bool = False
    _began: datetime | None = None
    _latest: float = 0.0

    async def run(self) -> None:
        """Run the command, without a shell, until it ends; terminate it if this is cancelled."""
        try:
            with self.log_path.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *die_with_parent(*self.command),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C goes to this process, which ends the session and so the call
                )
            await self._listen(process)
        except OSError as exc:
            self._fail(f"the caller could not be started: {exc}")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101  # stdout is a pipe
        try:
            async for raw in process.stdout:
                self.handle_line(raw.decode(errors="replace").strip(), datetime.now(UTC))
            if code := await process.wait():
                self._fail(f"the caller exited with {code}{self._last_error_line()}")
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()

    def handle_line(self, line: str, now: datetime) -> None:
        """Process a line of the caller's output."""
        message = _json(line)
        if message is None:
            self.show(Entry(now, "caller", line))
            return
        if isinstance(message.get("recording"), str):
            self.recording = message["recording"]
        if "event" in message:
            self._event(message, now)

    def _event(self, message: dict[str, Any], now: datetime) -> None:
        at = message.get("at")
        text = f"{message['event']}: {message['detail']}" if message.get("detail") else str(message["event"])
        if not isinstance(at, int | float):
            self.show(Entry(now, "caller", text))
            return
        self._began = self._began or now - timedelta(seconds=at)
        entry = Entry(self._began + timedelta(seconds=at), "caller", text)
        if at < self._latest:
            self.late_entries.append(entry)
            return
        self._latest = at
        self.show(entry)

    def _last_error_line(self) -> str:
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").split("\n")
        words = [line for line in lines if line.strip()][-1:]
        return "".join(f": {word} (see {self.log_path})" for word in words)

    def _fail(self, sentence: str) -> None:
        self.has_failed = True
        self.show(Entry(datetime.now(UTC), "trouble", sentence))


def _json(line: str) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
