"""`botsession run`: one session on this machine, with the operator's own passes over the local backend."""

import asyncio
import signal
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botsession_operator.api.duration import format_duration
from botsession_operator.api.spec import EndNow, Json
from botsession_operator.api.status import Status, awaits_caller
from botsession_operator.cli.render.timeline import Entry, entries
from botsession_operator.cli.run.caller_process import CALLER_TIMEOUT_SECONDS, CallerProcess
from botsession_operator.cli.run.file_watch import Watched
from botsession_operator.cli.run.run_options import DEFAULT_OPTIONS, RunOptions
from botsession_operator.cli.run.terminal import Terminal
from botsession_operator.local.local_session import DOWNTIME_SECONDS, LocalSession, local_session
from botsession_operator.local.supervisor_process import RunFiles


@dataclass(slots=True)
class Run:
    """The state of a run in progress."""

    session: LocalSession
    terminal: Terminal
    #: Starts when the pipeline has started, or when the bot waits for its caller.
    caller: CallerProcess | None
    options: RunOptions
    status: Status | None = None
    interrupts: int = 0
    #: The watched files have changed.
    is_outdated: bool = False
    call: asyncio.Task[None] | None = None
    #: Tasks that run until the session has ended.
    background: set[asyncio.Task[None]] = field(default_factory=set)


async def run_session(
    manifest: Json,
    files: RunFiles,
    terminal: Terminal,
    caller: CallerProcess | None,
    options: RunOptions = DEFAULT_OPTIONS,
) -> Run:
    """Run an admitted manifest to its end; return the run with the final status.

    Ctrl-C requests a graceful end, a second one an immediate end.
    """
    async with local_session(manifest, files) as session:
        run = Run(session, terminal, caller, options)
        await _follow(run)
        return run


async def _follow(run: Run) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, _interrupt, run)
    loop.add_signal_handler(signal.SIGTERM, _interrupt, run)
    _start_task(run, _update_countdown(run))
    if run.options.watched:
        _start_task(run, _watch(run, run.options.watched))
    try:
        while not _is_over(run):
            await run.session.changed.wait()
            run.session.changed.clear()
            _show_changes(run)
        await _end_call(run)
    finally:
        for task in run.background:
            task.cancel()
        await asyncio.gather(*run.background, return_exceptions=True)


def _show_changes(run: Run) -> None:
    status, before = run.session.status(), run.status
    if status is None:
        return
    for entry in entries(before, status, datetime.now(UTC)):
        run.terminal.show(entry)
    run.status = status
    if run.caller and run.call is None and (status.started_at or awaits_caller(status)):
        run.call = asyncio.create_task(run.caller.run())
    if run.options.end_after is not None and status.started_at and not (before and before.started_at):
        _start_task(run, _end_after(run, run.options.end_after))
    if run.options.fault_target and not (before and before.phase is status.phase) and not status.finish:
        _start_task(run, _kill_operator(run))


def _start_task(run: Run, what: Coroutine[Any, Any, None]) -> None:
    run.background.add(asyncio.create_task(what))


async def _end_after(run: Run, length: timedelta) -> None:
    await asyncio.sleep(length.total_seconds())
    run.terminal.show(Entry(datetime.now(UTC), "rehearsal", f"{run.options.mode} end, after {format_duration(length)}"))
    _request_end(run, EndNow(run.options.mode))


async def _kill_operator(run: Run) -> None:
    """Kill the operator, and start another one a second later."""
    await run.session.kill_operator()
    run.terminal.show(Entry(datetime.now(UTC), "rehearsal", "the operator was killed"))
    await asyncio.sleep(DOWNTIME_SECONDS)
    run.terminal.show(Entry(datetime.now(UTC), "rehearsal", "a new operator starts"))
    run.session.start_operator()


async def _watch(run: Run, files: Watched) -> None:
    names = await files.change()
    run.is_outdated = True
    run.terminal.show(Entry(datetime.now(UTC), "changed", f"{', '.join(names)}: restarting"))
    _request_end(run, EndNow.IMMEDIATE)


async def _end_call(run: Run) -> None:
    """Wait for the caller to end after the session, at most CALLER_TIMEOUT_SECONDS; Ctrl-C cancels it."""
    if run.call:
        await asyncio.wait({run.call}, timeout=CALLER_TIMEOUT_SECONDS)
        run.call.cancel()
        await asyncio.gather(run.call, return_exceptions=True)


def _is_over(run: Run) -> bool:
    return bool(run.status and run.status.finish) and not run.session.has_pod()


def _interrupt(run: Run) -> None:
    run.interrupts += 1
    if _is_over(run):
        if run.call:
            run.call.cancel()
        return
    run.terminal.show(Entry(datetime.now(UTC), "trouble", _INTERRUPT_TEXTS[min(run.interrupts, 2)]))
    end = EndNow.GRACEFUL if run.interrupts == 1 else EndNow.IMMEDIATE
    _request_end(run, end)


def _request_end(run: Run, end: EndNow) -> None:
    """Request the end of the session, unless it has ended."""
    if not _is_over(run):
        run.session.end(end)


async def _update_countdown(run: Run) -> None:
    while True:
        run.terminal.show_countdown(run.status, datetime.now(UTC))
        await asyncio.sleep(0.25)


_INTERRUPT_TEXTS = {1: "interrupted: ending gracefully; press Ctrl-C again to end at once", 2: "ending at once"}
