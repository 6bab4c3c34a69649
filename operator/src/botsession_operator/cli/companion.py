"""A program that runs beside a session, say a caller: its lines become part of the timeline."""

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from botsession_operator.cli.timeline import Entry


async def run_companion(command: str) -> AsyncIterator[Entry]:
    """Run a command line, without a shell; give an entry a line of its standard output.

    A JSON line `{"at": seconds, "event": …, "detail": …}` is placed at its own time, any other at the present.
    """
    process = await asyncio.create_subprocess_exec(
        *shlex.split(command), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    began: datetime | None = None
    try:
        assert process.stdout is not None  # noqa: S101  # it was asked for
        async for raw in process.stdout:
            entry, at = _read(raw.decode(errors="replace").strip())
            began = began or datetime.now(UTC) - timedelta(seconds=at or 0.0)
            if entry:
                yield Entry(began + timedelta(seconds=at) if at is not None else datetime.now(UTC), "caller", entry)
        code = await process.wait()
        if code:
            yield Entry(datetime.now(UTC), "trouble", f"{shlex.split(command)[0]} exited with {code}")
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _read(line: str) -> tuple[str, float | None]:
    try:
        said = json.loads(line)
    except ValueError:
        return line, None
    if not isinstance(said, dict) or "event" not in said:
        return "", None  # a result for programs
    at = said.get("at")
    return f"{said['event']}: {said.get('detail', '')}", float(at) if isinstance(at, int | float) else None
