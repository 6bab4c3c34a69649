"""Watches the workers of a bot, and carries out what the supervisor asks."""

import asyncio
import os
import time
import weakref
from collections.abc import Coroutine
from typing import Any

from . import farewell
from .clients import Clients
from .conversation import Conversation
from .formatting import LONGEST_NAME, LONGEST_TEXT, one_line, parting_of, said
from .frames import (
    Ours,
    Trail,
    can_hold,
    error_facts,
    frame_classes,
    is_pipecat_at_least,
    pipecat_version,
    push_through,
)
from .idle import Activity, IdleTimers
from .ipc import IpcConnection, connect, leave_mark, register_dumps
from .progress import Progress, Speakers
from .progress import frames as signs_of_progress
from .roots import Root, Runner, after_turns, run_in, running
from .serving import is_serving
from .tasks import tell_what_is_left

#: Turns of the event loop after which Pipecat has noted that a pipeline has started. It needs three.
TURNS = 10


class Agent:
    """Watches the workers of one process and carries out the supervisor's orders."""

    def __init__(self, wire: IpcConnection) -> None:
        self._wire = wire
        self._roots: list[Root] = []
        #: The last one. Bots that run a worker by itself have none.
        self._runner: Runner | None = None
        #: All workers, helpers too: on 1.3 and 1.4 each manages its own tasks.
        self._workers: weakref.WeakSet[Any] = weakref.WeakSet()
        self.clients = Clients(wire)
        #: What is left of a runner when its pipelines have been ended is ended too.
        self._ends_runner = False
        #: Somebody has asked the session to end: a pipeline that starts later is cancelled.
        self._closing: Ours | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._progress = Progress(wire)
        self._speakers = Speakers(wire)
        self._looks_for_progress = False
        self._signs: tuple[type, ...] = ()
        self._limits: dict[str, Any] = {}
        self._idle_timers = IdleTimers()
        #: The frame classes that count as activity now; none while no limit needs to know.
        self.counted: tuple[type, ...] = ()
        #: Those, and the ones that are looked at always.
        self.watched: tuple[type, ...] = ()
        self.activity = Activity(wire)
        self.conversation = Conversation(
            wire, is_heard=self._is_heard, is_closing=self._is_closing, changed=self._watch_frames
        )
        self._tasks: set[Any] = set()

    def watch_runner(self, runner: Any) -> None:
        """Learn when everything that the runner ran for is over: its own task's end is the only public sign."""
        self._listen()
        self._runner = Runner(runner)
        self._runner.tell_of_end(self._wire.tell)
        running.set(self._runner)
        task = self._runner.task
        if task is not None:
            task.add_done_callback(self._over)

    def watch_worker(self, worker: Any) -> None:
        """Follow a root worker from start to finish. Helpers below it live and die with it."""
        self._listen()
        self._workers.add(worker)
        self._idle_timers.add(worker)
        if worker.parent is not None:
            self._idle_timers.switch(is_ours=bool(self._limits.get("takes_over")))
            return
        root = Root(worker, running.get() or self._runner or Runner())
        root.is_unwanted = self._closing is not None
        self._roots = [*self._live(), root]
        name = str(getattr(worker, "name", ""))[:LONGEST_NAME]
        self._wire.tell("setup", root=root.number, runner=root.runner.number, name=name, transport=root.has_transport)
        self.conversation.watch(worker.pipeline)
        self._apply_limits()
        self.clients.watch(worker.pipeline)
        worker.add_observer(_observer(self, root))
        for event, handler in self._handlers(root).items():
            worker.add_event_handler(event, handler)

    def hop(self, root: Root, frame: Any, source: Any, destination: Any) -> None:
        """Note that a frame which ends the pipeline has been passed on."""
        kind = type(frame).__name__
        is_out = destination is root.worker.pipeline.processors[-1]
        root.has_end_in_flight = root.has_end_in_flight or kind != "CancelFrame"
        trail = root.trails.setdefault(frame.id, Trail())
        held = trail.hop(source.name, destination.name, can_hold=can_hold(destination))
        reason = getattr(frame, "reason", None)
        is_ours = isinstance(reason, Ours)
        told = {"frame": kind, "ours": is_ours, "reason": said(reason), "held_by": None if is_out else held}
        self._wire.tell("hop", root=root.number, out=is_out, **told)
        if not is_ours and not self._looks_for_progress:
            self._looks_for_progress = True
            self._watch_frames()
        if is_out and kind == "CancelFrame" and is_ours and root.has_end_in_flight:
            # Pipecat is waiting for the EndFrame still, and tells nobody that the CancelFrame got through.
            self._finished(root, frame)

    def obey(self, order: dict[str, Any] | None) -> None:
        """Carry out an order. Without a supervisor nobody would bound or report the session, so it ends."""
        order = order or {"do": "cancel", "reason": "the supervisor is gone"}
        try:
            if order["do"] == "limit":
                self._limits = order
                self._apply_limits()
            elif order["do"] == "say":
                self._say(order["text"])
            elif order["do"] == "close":
                self._closing = Ours(order["reason"])
            else:
                self._step_down(order)
        except Exception as exc:  # noqa: BLE001  # whatever it is must not reach the bot's event loop
            self._wire.tell("trouble", message=one_line(exc))

    def _step_down(self, order: dict[str, Any]) -> None:
        reason = Ours(order["reason"])
        self._ends_runner = True
        if not order.get("own"):
            self._closing = reason
        if order["do"] == "end":
            self._end(reason, order.get("farewell") or "")
        elif order["do"] == "cancel":
            self._cancel(reason)
        else:
            # What ends by the bot's own doing may have others beside it that talk on.
            stuck = [root for root in self._live() if root.has_end_in_flight or not order.get("own")]
            self._force(reason, stuck)
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
        self._watch_frames()
        self._idle_timers.switch(is_ours=is_ours)
        if unknown:
            missing = ", ".join(unknown)
            self._advise(f"spec.idle.frames: pipecat {pipecat_version()} and this bot have no frame class {missing}")
        if is_ours and not self._idle_timers.can_switch():
            self._advise("spec.idleTimeout: this Pipecat's own idle timeout cannot be switched off, and may strike too")

    def _advise(self, message: str) -> None:
        self._wire.tell("advice", message=message[:LONGEST_TEXT])

    def _say(self, text: str) -> None:
        """Have a sentence spoken, where there is somebody to hear it and something to speak it."""
        from pipecat.frames.frames import TTSSpeakFrame

        speaker, _ = self._speaker()
        if speaker:
            self.activity.prompted()
            self._wire.tell("prompted")
            self._track(speaker, speaker.worker.queue_frame(TTSSpeakFrame(text)))

    def _speaker(self) -> tuple[Root | None, str]:
        """Choose the root worker that is to say something, or tell why there is none, in the contract's words."""
        live = [root for root in self._live() if not root.has_end_in_flight]
        able = [root for root in live if farewell.can_speak(root.worker.pipeline)]
        if not live:
            return None, "AlreadyEnding"
        if not able:
            return None, "NoTTS"
        if self.clients.has_left:
            return None, "ClientGone"
        is_told = any(self.clients.are_told_of(root.worker.pipeline) for root in live)
        return (None, "NoClient") if is_told and not self.clients.has_come else (able[0], "")

    def _is_heard(self) -> bool:
        """Return whether a client hears the bot now; where no transport would tell of one, somebody may."""
        if self.clients.has_come:
            return not self.clients.has_left
        return not any(self.clients.are_told_of(root.worker.pipeline) for root in self._roots)

    def _is_closing(self) -> bool:
        """Return whether connections are being closed: the client has left, or a pipeline is ending."""
        return self.clients.has_left or any(root.trails or root.has_finished for root in self._roots)

    def trouble(self, exc: BaseException) -> None:
        """Say that the hook itself has failed: the bot runs on, unwatched."""
        self._wire.tell("trouble", message=one_line(exc))

    def _listen(self) -> None:
        if self._loop is None:
            register_dumps(self._wire)
            self._wire.tell("hooked", pipecat=pipecat_version())
        if self._loop is None or not self._loop.is_running():
            # The first loop listens; where it is over, as after one of several asyncio.run(), the next one does.
            self._loop = asyncio.get_running_loop()
            self._wire.listen(self._loop, self.obey)

    def _handlers(self, root: Root) -> dict[str, Any]:
        """Return the handlers by event. Plain functions: each is one message, and there is nothing to await."""
        tell = self._wire.tell
        handlers = {
            "on_pipeline_started": lambda *_: self._started(root),
            "on_pipeline_finished": lambda _worker, frame: self._finished(root, frame),
            "on_pipeline_error": lambda _worker, frame: tell("error", **error_facts(frame)),
            "on_idle_timeout": lambda *_: tell("idle"),
        }
        if is_pipecat_at_least(1, 8):
            # Asking an older Pipecat for these makes it log a warning for each.
            handlers["on_pipeline_timeout"] = lambda _worker, frame: tell("timeout", what=type(frame).__name__)
            handlers["on_setup_timeout"] = lambda *_: tell("timeout", what="setup")
        return handlers

    def _started(self, root: Root) -> None:
        """Note that a pipeline has started, and tell it when Pipecat has noted that too.

        It calls the handlers first, and a cancel that comes in between is lost: the pipeline then ends without a
        CancelFrame and without a finish (1.14).
        """
        facts = {"at": time.monotonic(), "clients": self.clients.are_told_of(root.worker.pipeline)}
        facts |= {"root": root.number, "transport": root.has_transport}
        root.untold_start = lambda: self._wire.tell("started", **facts)
        after_turns(TURNS, lambda: self._has_started(root))
        self.conversation.started(root.worker.pipeline)

    def _has_started(self, root: Root) -> None:
        root.tell_start()
        if root.is_unwanted and self._closing is not None and not root.has_finished:
            self._track(root, root.worker.cancel(reason=self._closing))

    def _finished(self, root: Root, frame: Any) -> None:
        root.tell_start()
        if root.has_finished:
            return
        root.has_finished = True
        self.conversation.flush()
        reason = getattr(frame, "reason", None)
        told = {"frame": type(frame).__name__, "reason": said(reason), "ours": isinstance(reason, Ours)}
        told["helpers"] = root.runner.has_bare_workers()
        self._wire.tell("finished", root=root.number, **told)
        self._speakers.look()
        if self._ends_runner and not self._live() and root.runner.end:
            # Root workers that have no pipeline, and so no hook, would keep the runner for ever.
            self._track(root, root.runner.end(reason=said(reason)))

    def _live(self) -> list[Root]:
        return [root for root in self._roots if not root.has_finished]

    def _end(self, reason: Ours, text: str) -> None:
        speaker, refused = self._speaker()
        if text and not speaker:
            self._wire.tell("farewell", refused=refused)
        for root in self._live():
            first = [self._farewell(root, text)] if text and root is speaker else []
            root.has_end_in_flight = True
            self._track(root, _queue(root.worker, [*first, _end_frame(reason)]))
        self._wire.tell("took", step="EndFrame")

    def _farewell(self, root: Root, text: str) -> Any:
        from pipecat.frames.frames import TTSSpeakFrame

        frame = TTSSpeakFrame(text)
        root.farewell = farewell.Farewell(self._wire, frame)
        self._watch_frames()
        return frame

    def _watch_frames(self) -> None:
        """Look at no more frames than there is need for: each is pushed by every processor that it passes."""
        from pipecat.frames.frames import ClientConnectedFrame

        followed = farewell.frames() if any(root.farewell for root in self._roots) else ()
        heard = self.conversation.watched
        self._signs = signs_of_progress() if self._looks_for_progress else ()
        self.watched = (*_enders(), ClientConnectedFrame, *self.counted, *followed, *heard, *self._signs)

    def _cancel(self, reason: Ours) -> None:
        stuck = [root for root in self._live() if root.has_end_in_flight]
        for root in self._live():
            if root not in stuck:
                self._track(root, root.worker.cancel(reason=reason))
        self._force(reason, stuck)
        for root in () if self._live() else self._roots[-1:]:
            if root.runner.end:
                # What still keeps the runner has no pipeline that could be cancelled.
                self._track(root, root.runner.end(reason=reason))
        self._wire.tell("took", step="ForcedCancelFrame" if stuck else "CancelFrame")

    def _force(self, reason: Ours, roots: list[Root]) -> None:
        """Put a CancelFrame straight into the pipelines: behind an EndFrame a worker's own queue is never read."""
        from pipecat.frames.frames import CancelFrame

        for root in roots:
            root.has_end_in_flight = True
            self._track(root, push_through(root.worker.pipeline, CancelFrame(reason=reason)))

    def _track(self, root: Root, work: Coroutine[Any, Any, None]) -> None:
        """Run something in a worker's loop without waiting for it; keep it, since loops hold tasks only weakly."""
        task = run_in(root.runner.loop, work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: Any) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            self.trouble(exc)

    def saw(self, root: Root, frame: Any, source: Any) -> None:
        """Note a frame while pipelines end: sound is progress, and beside a finished one it is conversation."""
        if not self._looks_for_progress or not isinstance(frame, self._signs):
            return
        if root.has_end_in_flight:
            self._progress.saw(frame, source)
        else:
            self._speakers.saw(root.number, frame, source)

    def _over(self, task: "asyncio.Task[Any]") -> None:
        """Report what the bot left behind. Called when the task that ran the runner is done."""
        try:
            for root in self._roots:
                root.tell_start()
            self.conversation.flush()
            if not all(root.runner.is_over() for root in self._live()):
                return  # others run on, in tasks or threads of their own
            runner = self._runner.runner if self._runner else None
            tell_what_is_left(task, (runner, *self._workers), set(self._tasks), self._wire.tell)
            exc = None if task.cancelled() else task.exception()
            if isinstance(exc, SystemExit):
                self._wire.tell("quit", message=parting_of(exc))
            elif exc:
                self._wire.tell("crashed", message=one_line(exc))
            else:
                self._wire.tell("over")
            # A pipeline that never started has no finish either, and is over with its runner.
            if is_serving():
                self._wire.tell("serving")
        except Exception as exc:  # noqa: BLE001  # a done callback must not raise into the loop
            self.trouble(exc)


def _enders() -> tuple[type, ...]:
    from pipecat.frames.frames import CancelFrame, EndFrame, StopFrame

    return EndFrame, StopFrame, CancelFrame


def _observer(agent: Agent, root: Root) -> Any:
    from pipecat.frames.frames import ClientConnectedFrame
    from pipecat.observers.base_observer import BaseObserver

    enders = _enders()

    class Watch(BaseObserver):
        """Sees every push of every frame, so all but a few go by with one check."""

        async def on_push_frame(self, data: Any) -> None:
            frame = data.frame
            if not isinstance(frame, agent.watched):
                return
            if isinstance(frame, agent.counted):
                agent.activity.saw(frame)
            agent.saw(root, frame, data.source)
            if root.farewell:
                root.farewell.saw(frame, data.source, data.destination)
            if isinstance(frame, agent.conversation.watched):
                agent.conversation.saw(frame, data.source, data.destination)
            if isinstance(frame, enders):
                agent.hop(root, frame, data.source, data.destination)
            elif isinstance(frame, ClientConnectedFrame):
                agent.clients.seen()

    return Watch()


def _end_frame(reason: Ours) -> Any:
    from pipecat.frames.frames import EndFrame

    return EndFrame(reason=reason)


async def _queue(worker: Any, frames: list[Any]) -> None:
    for frame in frames:
        await worker.queue_frame(frame)


_agent: Agent | None = None
_has_left_mark = False


def _get_agent() -> Agent | None:
    global _agent, _has_left_mark  # Pipecat calls two module-level functions; this is what they share
    if _agent is None and not _has_left_mark:
        if wire := connect():
            _agent = Agent(wire)
        else:
            # Not tried again: the one pipeline would be watched and the other not.
            _has_left_mark = True
            leave_mark()
    return _agent


def _forget_agent() -> None:
    """Have a child made by fork begin anew: the workers that were watched, and the wire, are its parent's."""
    global _agent, _has_left_mark  # as above
    _agent, _has_left_mark = None, False


os.register_at_fork(after_in_child=_forget_agent)


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
