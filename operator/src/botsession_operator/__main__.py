"""Run the operator: `python -m botsession_operator`, configured by its environment (see `settings`)."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack

import aiohttp
import kopf
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, disable_created_metrics

from botsession_operator.clock import SystemClock
from botsession_operator.core.observe import Key
from botsession_operator.core.pods import PodSettings
from botsession_operator.effects import api
from botsession_operator.effects.control import HttpControl
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.handlers import Memo, make_registry, make_settings
from botsession_operator.metrics import Metrics
from botsession_operator.queue import WorkQueue
from botsession_operator.reconcile import Deps, reconcile
from botsession_operator.server import create_app
from botsession_operator.settings import Settings, SettingsError, read_settings

log = structlog.get_logger("botsession")


def main() -> None:
    """Read the settings and run until SIGTERM; exit with 2 where the settings make no sense."""
    try:
        settings = read_settings(os.environ)
    except SettingsError as exc:
        sys.exit(f"botsession-operator: {exc}")
    configure_logs(settings)
    asyncio.run(run(settings))


async def run(settings: Settings) -> None:
    """Watch, work and serve. A pass that has begun is finished before the operator leaves; nothing else is kept."""
    clock = SystemClock()
    queue, ready, stop = WorkQueue(clock, settings.workers), asyncio.Event(), asyncio.Event()
    # Without it each counter is shown a second time, only to say when the operator began to count.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the client does not type it
    metrics = Metrics(CollectorRegistry(), queue.__len__)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(await api.connect(settings.kubeconfig))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        cluster = KubernetesCluster(client, settings.identity)
        injection = settings.injection or await cluster.injection()
        pods = PodSettings(settings.runtime_image, injection, settings.poke_base_url)
        deps = Deps(cluster, HttpControl(http, metrics), clock, metrics, settings.limits, pods, settings.control_key)
        await _serve(stack, settings, queue, metrics, ready)
        log.info("operator started", injection=injection, namespaces=settings.namespaces or "all")
        work = asyncio.create_task(queue.work(metrics.timed(lambda key: reconcile(key, deps))))
        watch = asyncio.create_task(_watch(settings, queue, metrics, ready, stop))
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await watch
        await queue.drain(work)
    log.info("operator stopped")


async def _serve(
    stack: AsyncExitStack, settings: Settings, queue: WorkQueue, metrics: Metrics, ready: asyncio.Event
) -> None:
    def poke(key: Key) -> None:
        if not settings.namespaces or key.namespace in settings.namespaces:
            queue.add(key)

    runner = web.AppRunner(create_app(poke, ready.is_set, metrics.registry), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, settings.host, settings.port).start()


async def _watch(
    settings: Settings, queue: WorkQueue, metrics: Metrics, ready: asyncio.Event, stop: asyncio.Event
) -> None:
    def changed(key: Key) -> None:
        metrics.watched()
        queue.add(key)

    await kopf.operator(
        registry=make_registry(),
        settings=make_settings(),
        memo=Memo(changed),
        standalone=True,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        ready_flag=ready,
        stop_flag=stop,
    )


def configure_logs(settings: Settings) -> None:
    """Write one line per event: JSON for a cluster's log store, coloured text for a person."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(level=max(level, logging.WARNING), format="%(message)s")
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


if __name__ == "__main__":
    main()
