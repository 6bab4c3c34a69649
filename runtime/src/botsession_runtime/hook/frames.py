"""Pipecat's frames and processors, as the hook looks at them."""

import sys
from collections.abc import Iterable
from typing import Any

from .formatting import MAX_NAME_LENGTH, single_line, text_of

#: What Pipecat itself counts as activity; 1.3 and 1.4 only the first two.
ACTIVITY_FRAMES = (
    "BotSpeakingFrame",
    "UserSpeakingFrame",
    "UserStartedSpeakingFrame",
    "TranscriptionFrame",
    "InterimTranscriptionFrame",
)


class SupervisorReason(str):
    """The reason of a frame that the hook has queued: by its type such a frame is recognised."""

    __slots__ = ()


class Trail:
    """The path of one frame through a pipeline: which processor got it and has not passed it on."""

    def __init__(self) -> None:
        self._got: dict[str, bool] = {}
        self._passed: set[str] = set()

    def hop(self, source: str, destination: str, *, can_hold: bool) -> str | None:
        """Note a hop; return the processor that holds the frame now, as far as is known.

        Pipelines within pipelines, their sources and their sinks are left out: one that is parallel holds a frame in
        all of them until each of its branches is through, and the branch that is not is the one to name.
        """
        self._passed.add(source)
        self._got[destination] = can_hold
        return next((name for name, holds in self._got.items() if holds and name not in self._passed), None)


def error_fields(frame: Any) -> dict[str, Any]:
    """Return the fields of an `error` event. A processor that has become unusable (1.8) may be why a worker ends."""
    processor = getattr(frame, "processor", None)
    unusable = str(processor)[:MAX_NAME_LENGTH] if getattr(processor, "is_usable", True) is False else None
    # Frames lose `fatal` with Pipecat 2.0.
    is_fatal = bool(getattr(frame, "fatal", False))
    return {"message": single_line(text_of(frame.error)), "fatal": is_fatal, "unusable": unusable}


def frame_classes(names: Iterable[str]) -> tuple[tuple[type, ...], list[str]]:
    """Return Pipecat's and the bot's frame classes of these names, and the names without a class.

    If no name is known, the classes that Pipecat itself counts are used: a misspelt name must not end a call.
    """
    from pipecat.frames.frames import Frame

    known: dict[str, list[type]] = {}
    for cls in _below(Frame):
        known.setdefault(cls.__name__, []).append(cls)
    unknown = sorted({name for name in names if name not in known})
    found = [cls for name in names for cls in known.get(name, ())]
    return tuple(found or [cls for name in ACTIVITY_FRAMES for cls in known.get(name, ())]), unknown


def _below(cls: type) -> Iterable[type]:
    each: type
    for each in cls.__subclasses__():
        yield each
        yield from _below(each)


def can_hold(processor: Any) -> bool:
    """Return whether a processor can hold a frame, rather than only lead to other processors."""
    # Those of a parallel pipeline's branches are numbered: `ParallelPipeline#0::Sink1`.
    return not processor.processors and not processor.name.rstrip("0123456789").endswith(("::Source", "::Sink"))


def processors_of(processor: Any) -> Iterable[Any]:
    """Return a processor and all those within it."""
    yield processor
    for each in processor.processors:
        yield from processors_of(each)


async def push_through(pipeline: Any, frame: Any) -> None:
    """Put a system frame straight into a pipeline, past processors that hold such frames back.

    A ParallelPipeline holds them until an EndFrame has come out of all its branches, so a branch that keeps the
    EndFrame would keep the CancelFrame out too.
    """
    await pipeline.queue_frame(frame)
    for processor in processors_of(pipeline):
        await processor.resume_processing_system_frames()


def is_a(processor: Any, module: str, name: str) -> bool:
    """Return whether something is an instance of a class, without importing the class's module."""
    cls = getattr(sys.modules.get(module), name, None)
    return cls is not None and isinstance(processor, cls)


def is_output(processor: Any) -> bool:
    """Return whether a processor is a transport's output."""
    return is_a(processor, "pipecat.transports.base_output", "BaseOutputTransport")


def pipecat_version() -> str:
    """Return the version of the Pipecat that has been imported."""
    return str(getattr(sys.modules.get("pipecat"), "__version__", "unknown"))


def is_pipecat_at_least(major: int, minor: int) -> bool:
    """Return whether it is at least this version; one that is not known is not."""
    parts = pipecat_version().split(".")[:2]
    return all(part.isdigit() for part in parts) and tuple(int(part) for part in parts) >= (major, minor)
