"""Reads faulthandler's dump of a stuck bot. Pure: finds the line that blocks the event loop, if one does."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_THREAD = re.compile(r"^(?:Current thread|Thread) 0x([0-9a-f]{1,16})\b")
_FRAME = re.compile(r'^  File "(.*)", line (\d{1,9}) in (.+)$')
#: The loop's own frames. What is called by them runs on the loop; what called them merely started it.
_LOOP = re.compile(r"/asyncio/(base_events|runners)\.py$|/botsession_runtime/launch\.py$|^<frozen runpy>$")
_LIBRARY = re.compile(r"^<|/(site|dist)-packages/|/lib/python3\.\d+/|/botsession_runtime/")
#: Where a loop that has nothing to do waits.
_IDLE = re.compile(r"/selectors\.py$")


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a stack."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{PurePosixPath(self.file).name}:{self.line} in {self.function}"


def blocking_line(dump: str, thread: int) -> str | None:
    """Return the line that a thread's event loop is stuck in; None if the loop is only waiting.

    It is the innermost line of the user's own code, which the bot's author can change.
    """
    on_loop = _called_by_loop(_frames_of(dump, thread))
    if not on_loop or _IDLE.search(on_loop[0].file):
        return None
    own = [frame for frame in on_loop if not _LIBRARY.search(frame.file)]
    return str((own or on_loop)[0])


def _frames_of(dump: str, thread: int) -> list[Frame]:
    frames: list[Frame] = []
    is_wanted = False
    for line in dump.splitlines():
        if header := _THREAD.match(line):
            is_wanted = int(header[1], 16) == thread
        elif is_wanted and (frame := _FRAME.match(line)):
            frames.append(Frame(frame[1], int(frame[2]), frame[3]))
    return frames


def _called_by_loop(frames: Sequence[Frame]) -> Sequence[Frame]:
    """Cut an innermost-first stack where the loop begins."""
    return frames[: next((n for n, frame in enumerate(frames) if _LOOP.search(frame.file)), len(frames))]
