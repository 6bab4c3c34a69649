"""`botsession run`: one session on this machine, with the operator's own passes over the local backend."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prometheus_client import CollectorRegistry

from botsession_contract.connections import ConnectionGuard
from botsession_contract.jsonform import decode
from botsession_operator.api.duration import format_duration
from botsession_operator.api.spec import EndNow, Json
from botsession_operator.api.status import Status, awaits_caller
from botsession_operator.cli.local.companion import PATIENCE_SECONDS, Companion
from botsession_operator.cli.local.operator import LocalOperator
from botsession_operator.cli.local.rehearsal import AS_IT_IS, Rehearsal
from botsession_operator.cli.local.terminal import Terminal
from botsession_operator.cli.local.watching import Watched
from botsession_operator.cli.telling.timeline import Entry, entries
from botsession_operator.clock import SystemClock
from botsession_operator.controller import Controller
from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.decide.plan import Limits
from botsession_operator.core.manifests.pod import Injection, PodSettings
from botsession_operator.core.manifests.service_and_route import Exposure
from botsession_operator.core.session_key import Key
from botsession_operator.door import Door
from botsession_operator.effects.control import HttpControl, make_session
from botsession_operator.effects.local import LocalCluster
from botsession_operator.effects.process import Place
from botsession_operator.host_ports import HostPorts
from botsession_operator.metrics import Metrics
from botsession_operator.queue import Pass
from botsession_operator.reconcile import Deps, reconcile
from botsession_operator.server import create_app, serving

#: A person watches, and a write to a dictionary costs nothing: each change is shown as it comes.
LIMITS: Final = Limits(status_settle=timedelta(0), ending_settle=timedelta(0))
#: Bots listen on this machine, whatever Service the operator would make.
HERE: Final = Exposure("${scheme}://127.0.0.1:${port}${path}")
#: How long a killed operator stays away, in seconds: long enough to miss something.
ABSENCE_SECONDS: Final = 1.0


@dataclass(slots=True)
class Run:
    """What a run in progress is made of."""

    cluster: LocalCluster
    operator: LocalOperator
    key: Key
    terminal: Terminal
    #: Starts with the pipeline, or when the bot waits for its caller.
    companion: Companion | None
    changed: asyncio.Event
    rehearsal: Rehearsal
    status: Status | None = None
    interrupts: int = 0
    #: The watched files have changed.
    is_outdated: bool = False
    call: asyncio.Task[None] | None = None
    #: What is going on beside the session, until it is over.
    background: set[asyncio.Task[None]] = field(default_factory=set)


async def run_session(
    manifest: Json, place: Place, terminal: Terminal, companion: Companion | None, rehearsal: Rehearsal = AS_IT_IS
) -> Run:
    """Run an admitted manifest to its end; the run has the final status. Ctrl-C ends it gracefully, twice at once."""
    changed, clock = asyncio.Event(), SystemClock()

    def mark(key: Key) -> None:
        operator.mark(key)
        changed.set()

    cluster = LocalCluster(place, mark)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        http = await stack.enter_async_context(make_session())
        metrics = Metrics(CollectorRegistry(), lambda: operator.depths())
        door = Door(lambda key: cluster.sessions.get(key.namespace, key.name) is not None, mark)
        url = await stack.enter_async_context(_pokes(door, metrics))
        # Nobody pulls the runtime here: it is imported from where this command runs.
        pods = PodSettings("", Injection.IMAGE_VOLUME, url)
        control = HttpControl(http, metrics, cluster.control_port)
        keys = ControlKeys(secrets.token_bytes(32))

        def passes(controller: Controller) -> Pass:
            poller, refusals = controller.poller, controller.refusals
            ports = HostPorts(range(0))  # nothing shares a node here
            deps = Deps(cluster, poller, clock, metrics, LIMITS, refusals, pods, keys, exposure=HERE, host_ports=ports)
            return metrics.timed(lambda key: reconcile(key, deps))

        operator = LocalOperator(control, LIMITS, passes)
        operator.start()
        stack.push_async_callback(operator.stop)
        key = cluster.apply(_for_one_run(manifest))
        run = Run(cluster, operator, key, terminal, companion, changed, rehearsal)
        await _follow(run)
        return run


def _for_one_run(manifest: Json) -> Json:
    """Leave out what keeps things after the finish: this run ends then, and has shown the log and the status itself.

    Nothing here evicts a session, so nothing need protect it.
    """
    changes = {"podRetention": "Never", "ttlAfterFinished": "never", "eviction": "Allow"}
    return {**manifest, "spec": {**manifest["spec"], **changes}}


async def _follow(run: Run) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, _interrupt, run)
    loop.add_signal_handler(signal.SIGTERM, _interrupt, run)
    _begin(run, _count(run))
    if run.rehearsal.watched:
        _begin(run, _watch(run, run.rehearsal.watched))
    try:
        while not _is_over(run):
            await run.changed.wait()
            run.changed.clear()
            _tell(run)
        await _end_call(run)
    finally:
        for task in run.background:
            task.cancel()
        await asyncio.gather(*run.background, return_exceptions=True)


def _tell(run: Run) -> None:
    stored = run.cluster.sessions.get(run.key.namespace, run.key.name)
    if stored is None or "phase" not in stored.get("status", {}):
        return
    status, before = decode(Status, stored["status"]), run.status
    for entry in entries(before, status, datetime.now(UTC)):
        run.terminal.show(entry)
    run.status = status
    if run.companion and run.call is None and (status.started_at or awaits_caller(status)):
        run.call = asyncio.create_task(run.companion.run())
    if run.rehearsal.end_after is not None and status.started_at and not (before and before.started_at):
        _begin(run, _end_after(run, run.rehearsal.end_after))
    if run.rehearsal.victim and not (before and before.phase is status.phase) and not status.finish:
        _begin(run, _kill_operator(run))


def _begin(run: Run, what: Coroutine[Any, Any, None]) -> None:
    run.background.add(asyncio.create_task(what))


async def _end_after(run: Run, length: timedelta) -> None:
    await asyncio.sleep(length.total_seconds())
    run.terminal.show(
        Entry(datetime.now(UTC), "rehearsal", f"{run.rehearsal.mode} end, after {format_duration(length)}")
    )
    _ask(run, EndNow(run.rehearsal.mode))


async def _kill_operator(run: Run) -> None:
    """Kill the operator, and bring another one to life a second later, which hears of every session, as from a list."""
    await run.operator.kill()
    run.terminal.show(Entry(datetime.now(UTC), "rehearsal", "the operator is killed"))
    await asyncio.sleep(ABSENCE_SECONDS)
    run.terminal.show(Entry(datetime.now(UTC), "rehearsal", "an operator starts"))
    run.operator.start()
    run.operator.mark(run.key)


async def _watch(run: Run, files: Watched) -> None:
    names = await files.change()
    run.is_outdated = True
    run.terminal.show(Entry(datetime.now(UTC), "changed", f"{', '.join(names)}: starting anew"))
    _ask(run, EndNow.IMMEDIATE)


async def _end_call(run: Run) -> None:
    """Let the caller say what it has to say after the bot hung up; not for ever, and Ctrl-C cuts it short."""
    if run.call:
        await asyncio.wait({run.call}, timeout=PATIENCE_SECONDS)
        run.call.cancel()
        await asyncio.gather(run.call, return_exceptions=True)


def _is_over(run: Run) -> bool:
    return bool(run.status and run.status.finish) and not run.cluster.pods.names()


def _interrupt(run: Run) -> None:
    run.interrupts += 1
    if _is_over(run):
        if run.call:
            run.call.cancel()
        return
    run.terminal.show(Entry(datetime.now(UTC), "trouble", _INTERRUPTED[min(run.interrupts, 2)]))
    end = EndNow.GRACEFUL if run.interrupts == 1 else EndNow.IMMEDIATE
    _ask(run, end)


def _ask(run: Run, end: EndNow) -> None:
    """Write spec.end, as a user would; a session that is over is left alone."""

    def write(stored: Json) -> None:
        if stored["spec"]["end"] != EndNow.IMMEDIATE:
            stored["spec"]["end"] = end
            stored["metadata"]["generation"] += 1

    if not _is_over(run):
        run.cluster.sessions.change(run.key.namespace, run.key.name, write)


async def _count(run: Run) -> None:
    while True:
        run.terminal.count(run.status, datetime.now(UTC))
        await asyncio.sleep(0.25)


@asynccontextmanager
async def _pokes(door: Door, metrics: Metrics) -> AsyncIterator[str]:
    """Serve the poke endpoint on a free port of the loopback interface; give its base URL."""
    app = create_app(door.poke, lambda: True, metrics.registry)
    async with serving(app, "127.0.0.1", 0, ConnectionGuard()) as (host, port):
        yield f"http://{host}:{port}"


_INTERRUPTED = {1: "interrupted: asking for a graceful end; once more ends it at once", 2: "ending at once"}
