"""A program that runs beside a session, say a caller: its lines become part of the timeline."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from botsession_operator.cli.render.timeline import Entry
from botsession_operator.local.supervisor_process import die_with_parent

#: How long a companion may take when the session is over, in seconds: a caller still has its recording to listen to.
CALLER_TIMEOUT_SECONDS: Final = 60.0


@dataclass(slots=True)
class CallerProcess:
    """A command, and what it has told so far.

    A JSON line `{"at": seconds, "event": …, "detail": …}` is placed at its own time, any other at the present. What
    lies before the line that came last was found out afterwards, in a recording: it is kept for the end.
    """

    command: Sequence[str]
    #: Where its standard error goes.
    log_path: Path
    show: Callable[[Entry], None]
    #: What was found out afterwards.
    late_entries: list[Entry] = field(default_factory=list)
    #: Where its last line, a JSON object, says that the recording lies.
    recording: str | None = None
    has_failed: bool = False
    _began: datetime | None = None
    _latest: float = 0.0

    async def run(self) -> None:
        """Run the command, without a shell, until it ends. Cancelled, it ends it."""
        try:
            with self.log_path.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *die_with_parent(*self.command),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for the session, which then ends the call
                )
            await self._listen(process)
        except OSError as exc:
            self._fail(f"the caller could not be started: {exc}")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101  # it was asked for
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
        """Take in a line of its output."""
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
