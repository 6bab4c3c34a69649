"""The hook inside the bot's process: tells the supervisor what happens, and does what it asks.

Pipecat loads this file through PIPECAT_SETUP_FILES into a bot that knows nothing of it. So it stands alone (it imports
none of our packages: an unmodified command line has none of them on its path) and treads lightly: a hook that blocks
hangs the bot, one that raises leaves it unwatched, and both would be our fault. Pipecat is imported inside functions,
since `launch` uses the first half of this file before Pipecat is there.
"""

import asyncio
import contextlib
import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Coroutine, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

#: `<fd>:<inode>` of our end of the socket pair. The inode tells a process that inherited only the variable, as a bot's
#: own subprocess does, that the number means something else there.
AGENT_FD_ENV = "BOTSESSION_AGENT_FD"
#: The write end of the pipe that takes stack dumps.
STACK_FD_ENV = "BOTSESSION_STACK_FD"
#: Real-time signals have no other users that we know of; the first few are taken by threading libraries.
DUMP_SIGNAL = signal.SIGRTMIN + 7
LONGEST_TEXT = 500
MOST_NAMES = 20
#: Events kept while the supervisor does not read. Beyond that the oldest go: the bot's memory is not ours to fill.
LARGEST_BACKLOG = 1000
#: The supervisor is told of activity at most this often, in seconds; that much later it may learn of the last of it.
ACTIVITY_SECONDS = 0.5
#: What Pipecat itself counts as activity; 1.3 and 1.4 only the first two.
ACTIVITY_FRAMES = (
    "BotSpeakingFrame",
    "UserSpeakingFrame",
    "UserStartedSpeakingFrame",
    "TranscriptionFrame",
    "InterimTranscriptionFrame",
)
#: Frames that come of the bot's own speech, by the beginnings of their names.
BOT_FRAMES = ("Bot", "TTS", "Output", "SpeechOutput")
#: Set for Pipecat's idle timeout, it never strikes, and its timer still runs, so that it can be given back: 30 years.
NEVER_SECONDS = 1e9


class Wire:
    """Our end of the socket pair: JSON, one object a line, both ways. Never blocks."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unsent: deque[bytes] = deque(maxlen=LARGEST_BACKLOG)
        self._unread = b""
        os.set_blocking(fd, False)
        os.set_inheritable(fd, False)  # noqa: FBT003  # it takes no keywords

    def tell(self, event: str, **facts: object) -> None:
        """Send an event. Its time is the system's monotonic clock, which the supervisor shares."""
        line = json.dumps({"event": event, "at": time.monotonic(), **facts}, default=str)
        self._unsent.append(line.encode() + b"\n")
        self._flush()

    def listen(self, loop: asyncio.AbstractEventLoop, obey: Any) -> None:
        """Hand each order that arrives to `obey`, first those that are there already; None: the supervisor is gone."""
        loop.add_reader(self._fd, self._read, loop, obey)
        self._read(loop, obey)

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionError):
            while self._unsent:
                sent = os.write(self._fd, self._unsent[0])
                rest = self._unsent.popleft()[sent:]
                if rest:
                    self._unsent.appendleft(rest)

    def _read(self, loop: asyncio.AbstractEventLoop, obey: Any) -> None:
        try:
            chunk = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            loop.remove_reader(self._fd)
            obey(None)
            return
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            obey(json.loads(line))
        self._flush()


def connect() -> Wire | None:
    """Open the wire, or None where there is no supervisor at the other end."""
    fd, _, inode = os.environ.get(AGENT_FD_ENV, "").partition(":")
    try:
        is_ours = os.fstat(int(fd)).st_ino == int(inode)
    except (ValueError, OSError):
        return None
    return Wire(int(fd)) if is_ours else None


def register_dumps(wire: Wire) -> None:
    """Let the supervisor ask for a stack dump, and tell it that it may: unregistered, the signal would kill."""
    fd = os.environ.pop(STACK_FD_ENV, None)
    if fd is not None:
        os.set_inheritable(int(fd), False)  # noqa: FBT003  # as above
        faulthandler.register(DUMP_SIGNAL, file=int(fd), all_threads=True)
        wire.tell("dumpable", pid=os.getpid(), signal=DUMP_SIGNAL, thread=threading.get_ident())


def one_line(exc: BaseException) -> str:
    """Describe an exception as `ValueError: text (bot.py:42 in handler)`: the innermost line of the user's own code."""
    text = " ".join(f"{type(exc).__name__}: {exc}".split())
    place = _place(exc.__traceback__)
    return f"{text[:LONGEST_TEXT]} ({place})" if place else text[:LONGEST_TEXT]


def names_of(tasks: Iterable["asyncio.Task[Any]"]) -> list[str]:
    """Name tasks for a person: one that was given no name goes by its coroutine's."""
    names = [(task.get_name(), getattr(task.get_coro(), "__qualname__", "")) for task in tasks]
    return [coro if coro and name.startswith("Task-") else name for name, coro in names]


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    own = [frame for frame in frames if _is_users(frame.filename)]
    last = (own or frames)[-1:]
    return "".join(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in last)


def _is_users(filename: str) -> bool:
    library = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}", str(Path(os.__file__).parent))
    return not filename.startswith("<") and not any(each in filename for each in (*library, "botsession_runtime"))


class Ours(str):
    """A reason that we gave a frame: whoever finds it on a frame knows that the frame is ours."""

    __slots__ = ()


class Trail:
    """The way of one frame through a pipeline: who got it and has not passed it on."""

    def __init__(self) -> None:
        self._got: dict[str, bool] = {}
        self._passed: set[str] = set()

    def hop(self, source: str, destination: str, *, can_hold: bool) -> str | None:
        """Note a hop; give the processor that holds the frame now, by all that is known.

        Pipelines within pipelines, their sources and their sinks are left out: one that is parallel holds a frame in
        all of them until each of its branches is through, and the branch that is not is what one wants to know.
        """
        self._passed.add(source)
        self._got[destination] = can_hold
        return next((name for name, holds in self._got.items() if holds and name not in self._passed), None)


class Root:
    """A root worker: one that the runner started, rather than another worker."""

    def __init__(self, worker: Any) -> None:
        self.worker = worker
        self.has_end_in_flight = False
        self.has_finished = False
        self.trails: dict[int, Trail] = {}


class IdleTimers:
    """Pipecat's own idle timers. There is no public way to them; what is used here is the same from 1.3 to 1.14.

    Helpers below a root worker have one each too, and it strikes the whole runner.
    """

    def __init__(self) -> None:
        #: The idle timeout that the bot itself configured, by worker. Helpers come and go.
        self._own: weakref.WeakKeyDictionary[Any, float | None] = weakref.WeakKeyDictionary()

    def add(self, worker: Any) -> None:
        """Learn of a worker, before its pipeline starts."""
        self._own[worker] = getattr(worker, "_idle_timeout_secs", None)

    def switch(self, *, is_ours: bool) -> None:
        """Switch them off while our idle timeout decides, and on again when it does not."""
        for worker, own in list(self._own.items()):
            wanted = NEVER_SECONDS if is_ours and own else own
            if getattr(worker, "_idle_timeout_secs", wanted) != wanted:
                worker._idle_timeout_secs = wanted
                worker._idle_event.set()  # the wait that is under way still has the old timeout

    def can_switch(self) -> bool:
        """Tell whether this Pipecat has them where they are known to be."""
        return all(hasattr(worker, "_idle_timeout_secs") for worker in self._own)


class Activity:
    """Notices that somebody speaks, and tells the supervisor, whose clock runs on while the bot is blocked."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._seen_at = 0.0
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_prompted = False

    def saw(self, frame: Any) -> None:
        """Note a frame that counts. After a prompt the bot's voice does not, or it would answer itself for ever."""
        if self._is_prompted and type(frame).__name__.startswith(BOT_FRAMES):
            return
        self._is_prompted = False
        self._seen_at = time.monotonic()
        if self._timer is None:
            self._tell()

    def prompted(self) -> None:
        """Note that the bot is about to ask whether anybody is there."""
        self._is_prompted = True

    def _tell(self) -> None:
        self._told_at = self._seen_at
        self._wire.tell("active", at=self._seen_at)
        self._timer = asyncio.get_running_loop().call_later(ACTIVITY_SECONDS, self._tell_more)

    def _tell_more(self) -> None:
        self._timer = None
        if self._seen_at > self._told_at:
            self._tell()


class Agent:
    """Watches the workers of one process and carries out the supervisor's orders."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._roots: list[Root] = []
        self._runner: Any = None
        self._has_client = False
        self._was_asked = False
        self._is_listening = False
        self._limits: dict[str, Any] = {}
        self._idle_timers = IdleTimers()
        #: The frame classes that count as activity now; none while no limit needs to know.
        self.counted: tuple[type, ...] = ()
        #: Those, and the ones that are looked at always.
        self.watched: tuple[type, ...] = ()
        self.activity = Activity(wire)
        self._tasks: set[asyncio.Task[None]] = set()

    def watch_runner(self, runner: Any) -> None:
        """Learn when everything that the runner ran for is over: its own task's end is the only public sign."""
        self._listen()
        self._runner = runner
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(self._over)

    def watch_worker(self, worker: Any) -> None:
        """Follow a root worker from start to finish. Helpers below it live and die with it."""
        self._listen()
        self._idle_timers.add(worker)
        if worker.parent is not None:
            self._idle_timers.switch(is_ours=bool(self._limits.get("takes_over")))
            return
        root = Root(worker)
        self._roots.append(root)
        self._apply_limits()
        worker.add_observer(_observer(self, root))
        for event, handler in self._handlers(root).items():
            worker.add_event_handler(event, handler)

    def hop(self, root: Root, frame: Any, source: Any, destination: Any) -> None:
        """Note that a frame which ends the pipeline has been passed on."""
        kind = type(frame).__name__
        is_out = destination is root.worker.pipeline.processors[-1]
        root.has_end_in_flight = root.has_end_in_flight or kind != "CancelFrame"
        trail = root.trails.setdefault(frame.id, Trail())
        held = trail.hop(source.name, destination.name, can_hold=_can_hold(destination))
        self._wire.tell("hop", frame=kind, ours=isinstance(frame.reason, Ours), held_by=None if is_out else held)
        if is_out and kind == "CancelFrame" and isinstance(frame.reason, Ours) and root.has_end_in_flight:
            # Pipecat is waiting for the EndFrame still, and tells nobody that the CancelFrame got through.
            self._finished(root, frame)

    def client_connected(self) -> None:
        """Note that there is somebody to hear the bot."""
        if not self._has_client:
            self._has_client = True
            self._wire.tell("client")

    def obey(self, order: dict[str, Any] | None) -> None:
        """Carry out an order. Without a supervisor nobody would bound or report the session, so it ends."""
        order = order or {"do": "cancel", "reason": "the supervisor is gone"}
        try:
            if order["do"] == "limit":
                self._limits = order
                self._apply_limits()
            elif order["do"] == "say":
                self._say(order["text"])
            else:
                self._step_down(order)
        except Exception as exc:  # noqa: BLE001  # whatever it is must not reach the bot's event loop
            self._wire.tell("trouble", message=one_line(exc))

    def _step_down(self, order: dict[str, Any]) -> None:
        self._was_asked = True
        reason = Ours(order["reason"])
        if order["do"] == "end":
            self._end(reason, order.get("farewell") or "")
        elif order["do"] == "cancel":
            self._cancel(reason)
        else:
            self._force(reason, self._live())
            self._wire.tell("took", step="ForcedCancelFrame")

    def _apply_limits(self) -> None:
        """Look for what counts as activity, and see to it that one idle timeout decides: ours, or the bot's own."""
        if not self._roots:
            return  # the bot's own frame classes may not have been imported yet
        is_ours = bool(self._limits.get("takes_over"))
        unknown: list[str] = []
        self.counted = ()
        if self._limits.get("watches"):
            self.counted, unknown = frame_classes(self._limits.get("frames") or ())
        self.watched = (*_always_watched(), *self.counted)
        self._idle_timers.switch(is_ours=is_ours)
        if unknown:
            missing = ", ".join(unknown)
            self._advise(f"spec.idle.frames: pipecat {_pipecat_version()} and this bot have no frame class {missing}")
        if is_ours and not self._idle_timers.can_switch():
            self._advise("spec.idleTimeout: this Pipecat's own idle timeout cannot be switched off, and may strike too")

    def _advise(self, message: str) -> None:
        self._wire.tell("advice", message=message[:LONGEST_TEXT])

    def _say(self, text: str) -> None:
        """Have a sentence spoken, where there is somebody to hear it."""
        from pipecat.frames.frames import TTSSpeakFrame

        for root in self._live()[:1]:
            if self._is_heard(root):
                self.activity.prompted()
                self._track(root.worker.queue_frame(TTSSpeakFrame(text)))

    def _is_heard(self, root: Root) -> bool:
        return self._has_client or not _has_clients(root.worker)

    def trouble(self, exc: BaseException) -> None:
        """Say that the hook itself has failed: the bot runs on, unwatched."""
        self._wire.tell("trouble", message=one_line(exc))

    def _listen(self) -> None:
        if not self._is_listening:
            self._is_listening = True
            register_dumps(self._wire)
            self._wire.tell("hooked", pipecat=_pipecat_version())
            self._wire.listen(asyncio.get_running_loop(), self.obey)

    def _handlers(self, root: Root) -> dict[str, Any]:
        """Give the handlers by event. Plain functions: each is one message, and there is nothing to await."""
        tell = self._wire.tell
        handlers = {
            "on_pipeline_started": lambda *_: tell("started", clients=_has_clients(root.worker)),
            "on_pipeline_finished": lambda _worker, frame: self._finished(root, frame),
            "on_pipeline_error": lambda _worker, frame: tell("error", **_error(frame)),
            "on_idle_timeout": lambda *_: tell("idle"),
        }
        if _pipecat_version_at_least(1, 8):
            # Asking an older Pipecat for these makes it log a warning for each.
            handlers["on_pipeline_timeout"] = lambda _worker, frame: tell("timeout", what=type(frame).__name__)
            handlers["on_setup_timeout"] = lambda *_: tell("timeout", what="setup")
        return handlers

    def _finished(self, root: Root, frame: Any) -> None:
        if root.has_finished:
            return
        root.has_finished = True
        reason = getattr(frame, "reason", None)
        said = None if reason is None else str(reason)[:LONGEST_TEXT]
        self._wire.tell("finished", frame=type(frame).__name__, reason=said, ours=isinstance(reason, Ours))
        if self._was_asked and not self._live() and hasattr(self._runner, "end"):
            # Root workers that have no pipeline, and so no hook, would keep the runner for ever.
            self._track(self._runner.end(reason=said))

    def _live(self) -> list[Root]:
        return [root for root in self._roots if not root.has_finished]

    def _end(self, reason: Ours, farewell: str) -> None:
        for number, root in enumerate(self._live()):
            root.has_end_in_flight = True
            is_heard = number == 0 and self._is_heard(root)
            self._track(_queue_end(root.worker, reason, farewell if is_heard else ""))
        self._wire.tell("took", step="EndFrame")

    def _cancel(self, reason: Ours) -> None:
        stuck = [root for root in self._live() if root.has_end_in_flight]
        for root in self._live():
            if root not in stuck:
                self._track(root.worker.cancel(reason=reason))
        self._force(reason, stuck)
        self._wire.tell("took", step="ForcedCancelFrame" if stuck else "CancelFrame")

    def _force(self, reason: Ours, roots: list[Root]) -> None:
        """Put a CancelFrame straight into the pipelines: behind an EndFrame a worker's own queue is never read."""
        from pipecat.frames.frames import CancelFrame

        for root in roots:
            root.has_end_in_flight = True
            self._track(root.worker.pipeline.queue_frame(CancelFrame(reason=reason)))

    def _track(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something without waiting for it; keep the task, since the loop holds tasks only weakly."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            self.trouble(exc)

    def _over(self, task: "asyncio.Task[Any]") -> None:
        """Report what the bot left behind. Called when the task that ran the runner is done."""
        try:
            managed = {each for owner in (self._runner, *(r.worker for r in self._roots)) for each in _tasks_of(owner)}
            left = names_of(each for each in managed if not each.done() and each not in self._tasks)
            self._wire.tell("dangling", count=len(left), names=sorted(left)[:MOST_NAMES])
            exc = None if task.cancelled() else task.exception()
            if exc:
                self._wire.tell("crashed", message=one_line(exc))
            else:
                self._wire.tell("over")
        except Exception as exc:  # noqa: BLE001  # a done callback must not raise into the loop
            self.trouble(exc)


def _always_watched() -> tuple[type, ...]:
    from pipecat.frames.frames import CancelFrame, ClientConnectedFrame, EndFrame, StopFrame

    return EndFrame, StopFrame, CancelFrame, ClientConnectedFrame


def _observer(agent: Agent, root: Root) -> Any:
    from pipecat.frames.frames import CancelFrame, ClientConnectedFrame, EndFrame, StopFrame
    from pipecat.observers.base_observer import BaseObserver

    enders = (EndFrame, StopFrame, CancelFrame)

    class Watch(BaseObserver):
        """Sees every push of every frame, so all but a few go by with one check."""

        async def on_push_frame(self, data: Any) -> None:
            frame = data.frame
            if not isinstance(frame, agent.watched):
                return
            if isinstance(frame, agent.counted):
                agent.activity.saw(frame)
            if isinstance(frame, enders):
                agent.hop(root, frame, data.source, data.destination)
            elif isinstance(frame, ClientConnectedFrame):
                agent.client_connected()

    return Watch()


def _error(frame: Any) -> dict[str, Any]:
    # Frames lose `fatal` with Pipecat 2.0.
    return {"message": " ".join(str(frame.error).split())[:LONGEST_TEXT], "fatal": bool(getattr(frame, "fatal", False))}


async def _queue_end(worker: Any, reason: Ours, farewell: str) -> None:
    from pipecat.frames.frames import EndFrame, TTSSpeakFrame

    if farewell:
        await worker.queue_frame(TTSSpeakFrame(farewell))
    await worker.queue_frame(EndFrame(reason=reason))


def _has_clients(worker: Any) -> bool:
    """Tell whether the pipeline's transport is one that says when a client connects; not all do, local audio does not.

    One that does has to import the frame that says so into a module of its own.
    """
    base = sys.modules.get("pipecat.transports.base_input")
    if base is None:
        return False  # not to be imported for a bot that has no use for it
    inputs = (type(each) for each in _processors(worker.pipeline) if isinstance(each, base.BaseInputTransport))
    modules = (sys.modules.get(cls.__module__) for kind in inputs for cls in kind.__mro__)
    return any(hasattr(module, "ClientConnectedFrame") for module in modules)


def frame_classes(names: Iterable[str]) -> tuple[tuple[type, ...], list[str]]:
    """Find Pipecat's or the bot's own frame classes by name; give them, and the names that there are none for.

    Where no name is known, those that Pipecat counts itself stand in: a misspelling should not hang up on a caller.
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


def _can_hold(processor: Any) -> bool:
    return not processor.processors and not processor.name.endswith(("::Source", "::Sink"))


def _processors(processor: Any) -> Iterable[Any]:
    yield processor
    for each in processor.processors:
        yield from _processors(each)


def _tasks_of(owner: Any) -> Iterable["asyncio.Task[Any]"]:
    """Give an owner's managed tasks; a worker that was never set up has no manager and says so by raising."""
    try:
        return list(owner.task_manager.current_tasks())
    except Exception:  # noqa: BLE001  # Pipecat raises a bare Exception here
        return []


def _pipecat_version() -> str:
    return str(getattr(sys.modules.get("pipecat"), "__version__", "unknown"))


def _pipecat_version_at_least(major: int, minor: int) -> bool:
    parts = _pipecat_version().split(".")[:2]
    return all(part.isdigit() for part in parts) and tuple(int(part) for part in parts) >= (major, minor)


_agent: Agent | None = None


def _get_agent() -> Agent | None:
    global _agent  # Pipecat calls two module-level functions; this is what they share
    if _agent is None and (wire := connect()):
        _agent = Agent(wire)
    return _agent


async def setup_worker_runner(runner: Any) -> None:
    """Pipecat's hook: called once per runner, inside `run()`, before its workers start."""
    if agent := _get_agent():
        try:
            agent.watch_runner(runner)
        except Exception as exc:  # noqa: BLE001  # Pipecat would log it where the supervisor does not look
            agent.trouble(exc)


async def setup_pipeline_worker(worker: Any) -> None:
    """Pipecat's hook: called once per pipeline worker, before its processors are set up."""
    if agent := _get_agent():
        try:
            agent.watch_worker(worker)
        except Exception as exc:  # noqa: BLE001  # see above
            agent.trouble(exc)
