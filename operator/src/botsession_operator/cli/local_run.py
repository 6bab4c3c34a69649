"""`botsession run`: one session on this machine, with the operator's own passes over the local backend."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from botsession_contract.jsonform import decode
from botsession_operator.api.spec import EndNow, Json
from botsession_operator.api.status import Status, awaits_caller
from botsession_operator.cli.companion import PATIENCE_SECONDS, Companion
from botsession_operator.cli.terminal import Terminal
from botsession_operator.cli.timeline import Entry, entries
from botsession_operator.clock import SystemClock
from botsession_operator.core.exposure import Exposure
from botsession_operator.core.observe import Key
from botsession_operator.core.plan import Limits
from botsession_operator.core.pods import Injection, PodSettings
from botsession_operator.effects.control import HttpControl
from botsession_operator.effects.local import LocalCluster
from botsession_operator.effects.process import Place
from botsession_operator.metrics import Metrics
from botsession_operator.queue import WorkQueue
from botsession_operator.reconcile import Deps, reconcile
from botsession_operator.server import Poke, create_app

#: A person watches, and a write to a dictionary costs nothing: each change is shown as it comes.
LIMITS: Final = Limits(status_settle=timedelta(0), ending_settle=timedelta(0))
#: Bots listen on this machine, whatever Service the operator would make.
HERE: Final = Exposure("${scheme}://127.0.0.1:${port}${path}")


@dataclass(slots=True)
class Run:
    """What a run in progress is made of."""

    cluster: LocalCluster
    key: Key
    terminal: Terminal
    #: Starts with the pipeline, or when the bot waits for its caller.
    companion: Companion | None
    changed: asyncio.Event
    status: Status | None = None
    interrupts: int = 0
    call: asyncio.Task[None] | None = None


async def run_session(manifest: Json, place: Place, terminal: Terminal, companion: Companion | None) -> Status:
    """Run an admitted manifest to its end and give the final status. Ctrl-C ends it gracefully, twice at once."""
    changed, clock = asyncio.Event(), SystemClock()
    queue = WorkQueue(clock)

    def mark(key: Key) -> None:
        queue.add(key)
        changed.set()

    cluster = LocalCluster(place, mark)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        metrics = Metrics(CollectorRegistry(), queue.__len__)
        url = await stack.enter_async_context(_pokes(mark, metrics))
        # Nobody pulls the runtime here: it is imported from where this command runs.
        pods = PodSettings("", Injection.IMAGE_VOLUME, url)
        control, key = HttpControl(http, metrics), secrets.token_bytes(32)
        deps = Deps(cluster, control, clock, metrics, LIMITS, pods, key, exposure=HERE)
        work = asyncio.create_task(queue.work(metrics.timed(lambda key: reconcile(key, deps))))
        stack.push_async_callback(queue.drain, work)
        run = Run(cluster, cluster.apply(_for_one_run(manifest)), terminal, companion, changed)
        return await _follow(run)


def _for_one_run(manifest: Json) -> Json:
    """Leave out what keeps things after the finish: this run ends then, and has shown the log and the status itself.

    Nothing here evicts a session, so nothing need protect it.
    """
    changes = {"podRetention": "Never", "ttlAfterFinished": "never", "eviction": "Allow"}
    return {**manifest, "spec": {**manifest["spec"], **changes}}


async def _follow(run: Run) -> Status:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, _interrupt, run)
    loop.add_signal_handler(signal.SIGTERM, _interrupt, run)
    count = asyncio.create_task(_count(run))
    try:
        while not _is_over(run):
            await run.changed.wait()
            run.changed.clear()
            _tell(run)
        await _end_call(run)
    finally:
        count.cancel()
    assert run.status is not None  # noqa: S101  # a session that is over has one
    return run.status


def _tell(run: Run) -> None:
    stored = run.cluster.sessions.get(run.key.namespace, run.key.name)
    if stored is None or "phase" not in stored.get("status", {}):
        return
    status = decode(Status, stored["status"])
    for entry in entries(run.status, status, datetime.now(UTC)):
        run.terminal.show(entry)
    if run.companion and run.call is None and (status.started_at or awaits_caller(status)):
        run.call = asyncio.create_task(run.companion.run())
    run.status = status


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

    def ask(stored: Json) -> None:
        stored["spec"]["end"] = end
        stored["metadata"]["generation"] += 1

    run.cluster.sessions.change(run.key.namespace, run.key.name, ask)


async def _count(run: Run) -> None:
    while True:
        run.terminal.count(run.status, datetime.now(UTC))
        await asyncio.sleep(0.25)


@asynccontextmanager
async def _pokes(mark: Poke, metrics: Metrics) -> AsyncIterator[str]:
    """Serve the poke endpoint on a free port of the loopback interface; give its base URL."""
    runner = web.AppRunner(create_app(mark, lambda: True, metrics.registry), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


_INTERRUPTED = {1: "interrupted: asking for a graceful end; once more ends it at once", 2: "ending at once"}
