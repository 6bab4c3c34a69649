"""Errors that do not end the pipeline: ErrorFrames, and exceptions that Pipecat, or asyncio, only logs.

Pipecat logs an exception of a task that it manages, or of an event handler, and goes on: a service whose connection has
died like this reports nothing more. There is no event for that, but a log record, and Pipecat logs by loguru.
"""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from .formatting import MAX_NAME_LENGTH, describe_exception, single_line, text_of
from .frames import is_a, processors_of
from .ipc import IpcConnection

#: The errors of one processor are sent to the supervisor at most this often, in seconds.
ERRORS_SECONDS = 1.0
#: How long a logged exception waits for an ErrorFrame about the same error, in seconds.
ECHO_SECONDS = 0.5
#: Processors with counts of their own; the errors of all others are counted together.
MAX_PROCESSORS = 8
#: Texts of ErrorFrames that are kept, to be compared with logged exceptions.
MAX_ERROR_TEXTS = 16
#: Pipecat's base classes: where each is, and what a processor that has it does.
KINDS = (
    ("pipecat.services.stt_service", "STTService", "STT"),
    ("pipecat.services.tts_service", "TTSService", "TTS"),
    ("pipecat.services.llm_service", "LLMService", "LLM"),
    ("pipecat.transports.base_input", "BaseInputTransport", "Transport"),
    ("pipecat.transports.base_output", "BaseOutputTransport", "Transport"),
    ("pipecat.transports.base_transport", "BaseTransport", "Transport"),
)
TRANSPORT, OTHER = "Transport", "Other"
#: What is raised where the other side has closed a connection in good order: in websockets, and in Starlette.
CLOSED = frozenset({"ConnectionClosedOK", "WebSocketDisconnect"})


class Tally:
    """The errors of one processor."""

    def __init__(self, kind: str, processor: str | None, category: str | None) -> None:
        self.kind, self.processor, self.category = kind, processor, category
        self.message = ""
        self.count = 0
        self.sent = 0


class Errors:
    """Counts errors by processor. The first of each is sent at once, the rest in intervals."""

    def __init__(self, connection: IpcConnection, is_closing: Callable[[], bool]) -> None:
        """`is_closing` returns whether connections are being closed: the client has left, or the pipeline ends."""
        self._connection = connection
        self._is_closing = is_closing
        self._tallies: dict[tuple[str, str | None], Tally] = {}
        #: Processors by name: a task's name begins with that of its processor.
        self._processors: dict[str, Any] = {}
        self._error_texts: deque[str] = deque(maxlen=MAX_ERROR_TEXTS)
        self._logged: dict[int, tuple[BaseException, asyncio.TimerHandle, Callable[[], None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sink: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, pipeline: Any) -> None:
        """Register a pipeline's processors, and listen to Pipecat's log."""
        self._processors |= {each.name: each for each in processors_of(pipeline)}
        self._listen()

    def on_error_frame(self, frame: Any, source: Any) -> None:
        """Count an ErrorFrame; `source` has pushed it."""
        text = single_line(text_of(frame.error))
        self._error_texts.append(text)
        exc = getattr(frame, "exception", None)
        for logged, (known, timer, _) in list(self._logged.items()):
            if known is exc or _mentions(text, known):
                timer.cancel()
                del self._logged[logged]
        category = _word(getattr(frame, "category", None)) or _category(exc)
        self._count(getattr(frame, "processor", None) or source, text, category)

    def flush(self) -> None:
        """Count what still waits, and send all counts."""
        for _, timer, count in list(self._logged.values()):
            timer.cancel()
            count()
        self._logged.clear()
        self._send_pending()

    def _listen(self) -> None:
        """Add a sink for Pipecat's log; again with each pipeline, since a bot may have removed all sinks."""
        from loguru import logger

        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            _chain_exceptions(loop, self._on_unretrieved)
        if self._sink is not None:
            with contextlib.suppress(ValueError):
                logger.remove(self._sink)
        self._sink = logger.add(
            self._on_log_record, level="ERROR", filter=_is_pipecats, backtrace=False, diagnose=False
        )

    def _on_log_record(self, message: Any) -> None:
        """Note a log record that tells of an exception: it is logged while that is handled."""
        logged = message.record["exception"]
        exc = logged.value if logged else sys.exc_info()[1]
        if not isinstance(exc, Exception) or self._loop is None:
            return
        try:
            task = asyncio.current_task()
        except RuntimeError:  # a thread without a loop
            task = None
        processor = self._processors.get(task.get_name().rpartition("::")[0]) if task else None
        self._loop.call_soon_threadsafe(self._on_exception, exc, processor)

    def _on_unretrieved(self, context: dict[str, Any]) -> None:
        """Note the exception of a task that was never awaited."""
        exc = context.get("exception")
        if isinstance(exc, Exception) and isinstance(context.get("future") or context.get("task"), asyncio.Future):
            self._on_exception(exc, None)

    def _on_exception(self, exc: Exception, processor: Any) -> None:
        """Count an exception, unless an ErrorFrame with the same text follows within ECHO_SECONDS."""
        if self._loop is None or id(exc) in self._logged or any(_mentions(text, exc) for text in self._error_texts):
            return

        def count() -> None:
            self._logged.pop(id(exc), None)
            if not self._is_expected(exc, processor):
                self._count(processor, describe_exception(exc), _category(exc))

        self._logged[id(exc)] = exc, self._loop.call_later(ECHO_SECONDS, count), count

    def _is_expected(self, exc: Exception, processor: Any) -> bool:
        """Return whether an exception comes from a connection that was closed in good order."""
        return type(exc).__name__ in CLOSED or (self._is_closing() and _kind(processor) == TRANSPORT)

    def _count(self, processor: Any, message: str, category: str | None) -> None:
        name = None if processor is None else type(processor).__name__[:MAX_NAME_LENGTH]
        key = _kind(processor), name
        if key not in self._tallies and len(self._tallies) >= MAX_PROCESSORS:
            key = OTHER, None
        tally = self._tallies.setdefault(key, Tally(*key, category))
        tally.count += 1
        tally.message = message
        if tally.count == 1:
            self._send(tally)
        elif self._timer is None and self._loop:
            self._timer = self._loop.call_later(ERRORS_SECONDS, self._send_pending)

    def _send_pending(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        for tally in self._tallies.values():
            if tally.count > tally.sent:
                self._send(tally)

    def _send(self, tally: Tally) -> None:
        tally.sent = tally.count
        self._connection.send(
            "errors",
            kind=tally.kind,
            processor=tally.processor,
            category=tally.category,
            count=tally.count,
            message=tally.message,
        )


def _is_pipecats(record: Any) -> bool:
    """Return whether a record is Pipecat's, except those about an ErrorFrame that it is about to push."""
    is_frame = record["function"].startswith("push_error")
    return str(record["name"]).startswith("pipecat.") and not is_frame


def _mentions(text: str, exc: BaseException) -> bool:
    return bool(said := single_line(text_of(exc))) and said in text


def _category(exc: BaseException | None) -> str | None:
    """Return Pipecat's word for what kind of failure an exception is. Before 1.8 it had none."""
    errors = sys.modules.get("pipecat.utils.errors")
    if errors is not None and exc is not None:
        return _word(errors.classify_http_exception(exc))
    return "connectivity" if isinstance(exc, OSError) else None


def _word(category: Any) -> str | None:
    """Return a category as a word; one that says that nothing is known is none."""
    word = None if category is None else str(getattr(category, "value", category))
    return None if word == "unknown" else word


def _kind(processor: Any) -> str:
    """Return what a processor does, by its base class; a class that was never imported is no processor's."""
    return next((kind for module, name, kind in KINDS if is_a(processor, module, name)), OTHER)


def _chain_exceptions(loop: asyncio.AbstractEventLoop, heard: Callable[[dict[str, Any]], None]) -> None:
    """Call `heard` with each unretrieved exception, and then the handler that was set before."""
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        heard(context)
        if before:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
