"""Watches the workers of one process of the bot, and carries out the supervisor's commands there."""

import asyncio
import time
import weakref
from collections.abc import Coroutine
from typing import Any

from . import farewell
from .clients import Clients
from .conversation import Conversation
from .formatting import MAX_NAME_LENGTH, MAX_TEXT_LENGTH, describe_exception, exit_message, reason_text
from .frames import (
    SupervisorReason,
    Trail,
    can_hold,
    error_fields,
    frame_classes,
    is_pipecat_at_least,
    pipecat_version,
    push_through,
)
from .idle import Activity, IdleTimers
from .ipc import IpcConnection, register_dumps
from .observer import end_frames, make_observer
from .progress import Progress, Speakers
from .progress import frames as progress_frames
from .roots import Root, Runner, after_iterations, current_runner, run_in_loop
from .serving import is_serving
from .speaker import choose_speaker, is_heard
from .tasks import report_dangling_tasks

#: Turns of the event loop after which Pipecat has noted that a pipeline has started. It needs three.
START_ITERATIONS = 10


class Agent:
    """Watches the workers of one process and carries out the supervisor's orders."""

    def __init__(self, connection: IpcConnection) -> None:
        self._connection = connection
        self._roots: list[Root] = []
        #: The last runner. Bots that run a worker by itself have none.
        self._runner: Runner | None = None
        #: All workers, helpers too: on 1.3 and 1.4 each manages its own tasks.
        self._workers: weakref.WeakSet[Any] = weakref.WeakSet()
        self.clients = Clients(connection)
        #: Whether to end a runner when all its pipelines have finished.
        self._ends_runner = False
        #: Set once the session was asked to end: a pipeline that starts later is cancelled with it.
        self._end_reason: SupervisorReason | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._progress = Progress(connection)
        self._speakers = Speakers(connection)
        self._reports_progress = False
        self._progress_frames: tuple[type, ...] = ()
        self._limits: dict[str, Any] = {}
        self._idle_timers = IdleTimers()
        #: The frame classes that count as activity now; none while no limit needs to know.
        self.activity_frames: tuple[type, ...] = ()
        #: All frame classes that the observers pass on.
        self.observed_frames: tuple[type, ...] = ()
        self.activity = Activity(connection)
        self.conversation = Conversation(
            connection, is_heard=self._is_heard, is_closing=self._is_closing, changed=self._update_observed_frames
        )
        self._tasks: set[Any] = set()

    def watch_runner(self, runner: Any) -> None:
        """Follow a runner until the task that runs it is done, the only public sign that all its workers are over."""
        self._ensure_serving()
        self._runner = Runner(runner)
        self._runner.report_end(self._connection.send)
        current_runner.set(self._runner)
        task = self._runner.task
        if task is not None:
            task.add_done_callback(self._on_runner_done)

    def watch_worker(self, worker: Any) -> None:
        """Follow a root worker from start to finish. Helpers below it live and die with it."""
        self._ensure_serving()
        self._workers.add(worker)
        self._idle_timers.add(worker)
        if worker.parent is not None:
            self._idle_timers.apply(is_ours=bool(self._limits.get("takes_over")))
            return
        root = Root(worker, current_runner.get() or self._runner or Runner())
        root.is_unwanted = self._end_reason is not None
        self._roots = [*self._unfinished(), root]
        name = str(getattr(worker, "name", ""))[:MAX_NAME_LENGTH]
        self._connection.send(
            "setup", root=root.number, runner=root.runner.number, name=name, transport=root.has_transport
        )
        self.conversation.watch(worker.pipeline)
        self._apply_limits()
        self.clients.watch(worker.pipeline)
        worker.add_observer(make_observer(self, root))
        for event, handler in self._handlers(root).items():
            worker.add_event_handler(event, handler)

    def on_end_frame(self, root: Root, frame: Any, source: Any, destination: Any) -> None:
        """Note that a frame which ends the pipeline has been passed on."""
        kind = type(frame).__name__
        is_out = destination is root.worker.pipeline.processors[-1]
        root.has_end_in_flight = root.has_end_in_flight or kind != "CancelFrame"
        trail = root.trails.setdefault(frame.id, Trail())
        held = trail.hop(source.name, destination.name, can_hold=can_hold(destination))
        reason = getattr(frame, "reason", None)
        is_ours = isinstance(reason, SupervisorReason)
        fields = {"frame": kind, "ours": is_ours, "reason": reason_text(reason), "held_by": None if is_out else held}
        self._connection.send("hop", root=root.number, out=is_out, **fields)
        if not is_ours and not self._reports_progress:
            self._reports_progress = True
            self._update_observed_frames()
        if is_out and kind == "CancelFrame" and is_ours and root.has_end_in_flight:
            # Pipecat still waits for the EndFrame, and has no event for a CancelFrame that got through.
            self._on_finished(root, frame)

    def handle_command(self, command: dict[str, Any] | None) -> None:
        """Carry out a command. None means that the supervisor is gone: then nothing bounds the session, so it ends."""
        command = command or {"do": "cancel", "reason": "the supervisor is gone"}
        try:
            if command["do"] == "limit":
                self._limits = command
                self._apply_limits()
            elif command["do"] == "say":
                self._say(command["text"])
            elif command["do"] == "close":
                self._end_reason = SupervisorReason(command["reason"])
            else:
                self._end_session(command)
        except Exception as exc:  # noqa: BLE001  # no exception may reach the bot's event loop
            self._connection.send("trouble", message=describe_exception(exc))

    def _end_session(self, command: dict[str, Any]) -> None:
        reason = SupervisorReason(command["reason"])
        self._ends_runner = True
        if not command.get("own"):
            self._end_reason = reason
        if command["do"] == "end":
            self._end(reason, command.get("farewell") or "")
        elif command["do"] == "cancel":
            self._cancel(reason)
        else:
            # Beside a pipeline that the bot ends, others may go on talking.
            stuck = [root for root in self._unfinished() if root.has_end_in_flight or not command.get("own")]
            self._force(reason, stuck)
            self._connection.send("took", step="ForcedCancelFrame")

    def _apply_limits(self) -> None:
        """Watch the frames that count as activity, and let one idle timeout apply, the supervisor's or the bot's."""
        if not self._roots:
            return  # the bot may not have imported its own frame classes yet
        is_ours = bool(self._limits.get("takes_over"))
        unknown: list[str] = []
        self.activity_frames = ()
        if self._limits.get("watches"):
            self.activity_frames, unknown = frame_classes(self._limits.get("frames") or ())
        self._update_observed_frames()
        self._idle_timers.apply(is_ours=is_ours)
        if unknown:
            missing = ", ".join(unknown)
            self._send_advice(
                f"spec.idle.frames: pipecat {pipecat_version()} and this bot have no frame class {missing}"
            )
        if is_ours and not self._idle_timers.can_switch():
            self._send_advice(
                "spec.idleTimeout: this Pipecat's own idle timeout cannot be switched off, and may end the session too"
            )

    def _send_advice(self, message: str) -> None:
        self._connection.send("advice", message=message[:MAX_TEXT_LENGTH])

    def _say(self, text: str) -> None:
        """Queue a sentence to be spoken, if a client hears it and a TTS service can speak it."""
        from pipecat.frames.frames import TTSSpeakFrame

        speaker, _ = self._speaker()
        if speaker:
            self.activity.prompted()
            self._connection.send("prompted")
            self._track(speaker, speaker.worker.queue_frame(TTSSpeakFrame(text)))

    def _speaker(self) -> tuple[Root | None, str]:
        return choose_speaker(self._unfinished(), self.clients)

    def _is_heard(self) -> bool:
        return is_heard(self._roots, self.clients)

    def _is_closing(self) -> bool:
        """Return whether connections are being closed: the client has left, or a pipeline is ending."""
        return self.clients.has_left or any(root.trails or root.has_finished for root in self._roots)

    def report_failure(self, exc: BaseException) -> None:
        """Report that the hook itself has failed. The bot runs on, without being watched."""
        self._connection.send("trouble", message=describe_exception(exc))

    def _ensure_serving(self) -> None:
        if self._loop is None:
            register_dumps(self._connection)
            self._connection.send("hooked", pipecat=pipecat_version())
        if self._loop is None or not self._loop.is_running():
            # The first event loop reads commands. After its end, as with several asyncio.run(), the next one does.
            self._loop = asyncio.get_running_loop()
            self._connection.serve(self._loop, self.handle_command)

    def _handlers(self, root: Root) -> dict[str, Any]:
        """Return the handlers by event. They are plain functions, since sending an event never waits."""
        send = self._connection.send
        handlers = {
            "on_pipeline_started": lambda *_: self._on_started(root),
            "on_pipeline_finished": lambda _worker, frame: self._on_finished(root, frame),
            "on_pipeline_error": lambda _worker, frame: send("error", **error_fields(frame)),
            "on_idle_timeout": lambda *_: send("idle"),
        }
        if is_pipecat_at_least(1, 8):
            # Asking an older Pipecat for these makes it log a warning for each.
            handlers["on_pipeline_timeout"] = lambda _worker, frame: send("timeout", what=type(frame).__name__)
            handlers["on_setup_timeout"] = lambda *_: send("timeout", what="setup")
        return handlers

    def _on_started(self, root: Root) -> None:
        """Note that a pipeline has started, and send it once Pipecat has noted it too.

        Pipecat calls the handlers first, and a cancel in between is lost: the pipeline then ends without a CancelFrame
        and without a finish (1.14).
        """
        fields = {"at": time.monotonic(), "clients": self.clients.reports_clients(root.worker.pipeline)}
        fields |= {"root": root.number, "transport": root.has_transport}
        root.unreported_start = lambda: self._connection.send("started", **fields)
        after_iterations(START_ITERATIONS, lambda: self._on_start_settled(root))
        self.conversation.started(root.worker.pipeline)

    def _on_start_settled(self, root: Root) -> None:
        root.report_start()
        if root.is_unwanted and self._end_reason is not None and not root.has_finished:
            self._track(root, root.worker.cancel(reason=self._end_reason))

    def _on_finished(self, root: Root, frame: Any) -> None:
        root.report_start()
        if root.has_finished:
            return
        root.has_finished = True
        self.conversation.flush()
        reason = getattr(frame, "reason", None)
        fields = {
            "frame": type(frame).__name__,
            "reason": reason_text(reason),
            "ours": isinstance(reason, SupervisorReason),
        }
        fields["helpers"] = root.runner.has_bare_workers()
        self._connection.send("finished", root=root.number, **fields)
        self._speakers.restart()
        if self._ends_runner and not self._unfinished() and root.runner.end:
            # Root workers without a pipeline, and so without a hook, would keep the runner running forever.
            self._track(root, root.runner.end(reason=reason_text(reason)))

    def _unfinished(self) -> list[Root]:
        return [root for root in self._roots if not root.has_finished]

    def _end(self, reason: SupervisorReason, text: str) -> None:
        speaker, refused = self._speaker()
        if text and not speaker:
            self._connection.send("farewell", refused=refused)
        for root in self._unfinished():
            first = [self._farewell(root, text)] if text and root is speaker else []
            root.has_end_in_flight = True
            self._track(root, _queue(root.worker, [*first, _end_frame(reason)]))
        self._connection.send("took", step="EndFrame")

    def _farewell(self, root: Root, text: str) -> Any:
        from pipecat.frames.frames import TTSSpeakFrame

        frame = TTSSpeakFrame(text)
        root.farewell = farewell.Farewell(self._connection, frame)
        self._update_observed_frames()
        return frame

    def _update_observed_frames(self) -> None:
        """Observe no more frames than needed: each is pushed by every processor that it passes."""
        from pipecat.frames.frames import ClientConnectedFrame

        followed = farewell.frames() if any(root.farewell for root in self._roots) else ()
        heard = self.conversation.observed_frames
        self._progress_frames = progress_frames() if self._reports_progress else ()
        self.observed_frames = (
            *end_frames(),
            ClientConnectedFrame,
            *self.activity_frames,
            *followed,
            *heard,
            *self._progress_frames,
        )

    def _cancel(self, reason: SupervisorReason) -> None:
        stuck = [root for root in self._unfinished() if root.has_end_in_flight]
        for root in self._unfinished():
            if root not in stuck:
                self._track(root, root.worker.cancel(reason=reason))
        self._force(reason, stuck)
        for root in () if self._unfinished() else self._roots[-1:]:
            if root.runner.end:
                # The workers that still keep the runner have no pipeline that could be cancelled.
                self._track(root, root.runner.end(reason=reason))
        self._connection.send("took", step="ForcedCancelFrame" if stuck else "CancelFrame")

    def _force(self, reason: SupervisorReason, roots: list[Root]) -> None:
        """Put a CancelFrame straight into the pipelines: behind an EndFrame a worker's own queue is never read."""
        from pipecat.frames.frames import CancelFrame

        for root in roots:
            root.has_end_in_flight = True
            self._track(root, push_through(root.worker.pipeline, CancelFrame(reason=reason)))

    def _track(self, root: Root, work: Coroutine[Any, Any, None]) -> None:
        """Run something in a worker's loop without waiting for it; keep it, since loops hold tasks only weakly."""
        task = run_in_loop(root.runner.loop, work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: Any) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            self.report_failure(exc)

    def on_frame(self, root: Root, frame: Any, source: Any) -> None:
        """Note a frame while pipelines end: sound is progress, or the conversation of a pipeline that goes on."""
        if not self._reports_progress or not isinstance(frame, self._progress_frames):
            return
        if root.has_end_in_flight:
            self._progress.on_frame(frame, source)
        else:
            self._speakers.on_frame(root.number, frame, source)

    def _on_runner_done(self, task: "asyncio.Task[Any]") -> None:
        """Report what the bot left behind. Called when the task that ran the runner is done."""
        try:
            for root in self._roots:
                root.report_start()
            self.conversation.flush()
            if not all(root.runner.is_over() for root in self._unfinished()):
                return  # others run on, in tasks or threads of their own
            runner = self._runner.runner if self._runner else None
            report_dangling_tasks(task, (runner, *self._workers), set(self._tasks), self._connection.send)
            exc = None if task.cancelled() else task.exception()
            if isinstance(exc, SystemExit):
                self._connection.send("quit", message=exit_message(exc))
            elif exc:
                self._connection.send("crashed", message=describe_exception(exc))
            else:
                self._connection.send("over")
            # A pipeline that never started has no finish either, and is over with its runner.
            if is_serving():
                self._connection.send("serving")
        except Exception as exc:  # noqa: BLE001  # a done callback must not raise into the loop
            self.report_failure(exc)


def _end_frame(reason: SupervisorReason) -> Any:
    from pipecat.frames.frames import EndFrame

    return EndFrame(reason=reason)


async def _queue(worker: Any, frames: list[Any]) -> None:
    for frame in frames:
        await worker.queue_frame(frame)
