"""Build the operator from its parts, and run it: watches, workers and server."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Final, TypeVar

import aiohttp
import kopf
from kubernetes.aio import client
from loguru import logger as log
from prometheus_client import CollectorRegistry, disable_created_metrics

from botsession_contract.connections import ConnectionGuard
from botsession_operator.clock import SystemClock
from botsession_operator.controller import Controller
from botsession_operator.core.decide.host_network import port_of
from botsession_operator.core.manifests.pod import PodSettings
from botsession_operator.effects.control import HttpControl, make_session
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.effects.watching import Watches
from botsession_operator.effects.webhook import HttpWebhook
from botsession_operator.errors import ClusterUnavailable, LeaseLost
from botsession_operator.handlers import PLURALS, EventHandler, make_registry, make_settings, tell_of_stop
from botsession_operator.heartbeat_listener import heartbeats
from botsession_operator.host_ports import HostPorts
from botsession_operator.leadership import label_leader, make_lease, start_election
from botsession_operator.metrics import Metrics
from botsession_operator.poke_gate import PokeGate
from botsession_operator.ports import Lease
from botsession_operator.reconcile.deps import Deps
from botsession_operator.reconcile.first_look import first_look
from botsession_operator.reconcile.reconciler import reconcile
from botsession_operator.server import LIFETIME_SECONDS, create_app, serving
from botsession_operator.settings import Settings, WebhookSettings
from botsession_operator.standby import Backlog
from botsession_operator.watch_store import WatchStore
from botsession_operator.webhook_dispatcher import WebhookDispatcher

#: Waits for the passes that have begun.
Drain = Callable[[asyncio.Task[None]], Awaitable[None]]


T = TypeVar("T")
#: Between two questions to an API server that does not answer.
ASK_AGAIN_SECONDS: Final = 2.0


class WorkersDied(Exception):
    """No worker runs any more; the process must be restarted."""


async def operate(connected: client.ApiClient, settings: Settings, stop: asyncio.Event) -> None:
    """Watch and serve until `stop` is set, and run passes while this operator leads. Passes that have begun may end.

    Raise LeaseLost when this operator leads no more.
    """
    clock, lease = SystemClock(), make_lease(connected, settings)
    ready, store = asyncio.Event(), WatchStore()
    # Otherwise the client library adds a `_created` series to each counter.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the client does not type it
    metrics = Metrics(
        CollectorRegistry(),
        lambda: controller.depths(),
        is_leader=lambda: lease.seconds_left() > 0,
        shards=settings.shard.count,
    )
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        control = HttpControl(
            await stack.enter_async_context(make_session()),
            metrics,
            lambda pod: port_of(pod, settings.host_ports),
            lease,
        )
        controller = Controller(control, clock, settings.timeouts, settings.workers)
        backlog = Backlog(controller, store)
        metrics.register_poller(controller.poller)
        election = start_election(stack, lease, ready, stop, backlog.lead)
        dispatcher = None
        if settings.webhook:
            dispatcher = _webhook_dispatcher(settings.webhook, clock, controller, metrics, http, lease)
            stack.push_async_callback(dispatcher.close)
        await _serve(stack, settings, backlog, metrics, ready, store)
        if settings.heartbeat_address:
            _listen_to_heartbeats(stack, settings.heartbeat_address, settings.host, controller, metrics)
        try:
            deps = await _deps(connected, settings, clock, metrics, controller, lease, store, stop)
        except ClusterUnavailable:  # the operator was stopped before it had reached the API server
            log.info("operator stopped")
            return
        deps = replace(deps, webhook=dispatcher)
        backlog.first_look = lambda key, spread: first_look(key, store, deps, spread)
        label_leader(stack, connected, lease, settings)
        _log_start(settings, deps.pod_settings)
        work = asyncio.create_task(controller.work(metrics.timed(lambda key: reconcile(key, deps))))
        events = EventHandler(
            store,
            changed=backlog.changed,
            pod_changed=backlog.pod_changed,
            bot_ended=backlog.bot_ended,
            pod_ended=controller.refusals.note_pod_ended,
            watched=metrics.note_watch_event,
            listed=ready,
            namespaces=settings.namespaces or (None,),
            owns=settings.shard.owns,
        )
        watch = asyncio.create_task(_watch(connected.configuration.host, settings, events, stop))
        await until_stopped(work, watch, stop, controller.drain)
        if election.done():  # it ends with the lease
            election.result()
            raise LeaseLost("another operator may lead by now")
    log.info("operator stopped")


def _log_start(settings: Settings, pods: PodSettings) -> None:
    namespaces, shard = settings.namespaces or "all", str(settings.shard)
    log.info("operator started", injection=pods.injection, namespaces=namespaces, shard=shard)


async def until_stopped(work: asyncio.Task[None], watch: asyncio.Task[None], stop: asyncio.Event, drain: Drain) -> None:
    """Return when the watch has ended and no pass runs any more; raise the error of either."""
    await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
    has_died = work.done()  # the workers end only when they are drained
    stop.set()
    try:
        await watch
    finally:
        await drain(work)
    if has_died:
        cause = None if work.cancelled() else work.exception()
        log.critical("the workers have died", error=repr(cause))
        raise WorkersDied("the workers have died") from cause


async def when_reached(ask: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T:
    """Return the answer of the API server, however long it is away; raise ClusterUnavailable when stopped meanwhile.

    A leader that has lost its lease in an outage is started anew in the middle of it. If it crashed, the kubelet would
    wait longer each time.
    """
    while True:
        try:
            return await ask()
        except ClusterUnavailable as exc:
            if stop.is_set():
                raise
            log.warning("API server not reached", error=str(exc))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), ASK_AGAIN_SECONDS)


async def _deps(
    connected: client.ApiClient,
    settings: Settings,
    clock: SystemClock,
    metrics: Metrics,
    controller: Controller,
    lease: Lease,
    store: WatchStore,
    stop: asyncio.Event,
) -> Deps:
    cluster = KubernetesCluster(connected, settings.identity, lease, store)
    injection = settings.injection
    if injection is None:
        injection = await when_reached(cluster.injection, stop)
    await when_reached(cluster.require_kind, stop)
    return Deps(
        cluster=cluster,
        supervisors=controller.poller,
        clock=clock,
        metrics=metrics,
        timeouts=settings.timeouts,
        refusals=controller.refusals,
        pod_settings=PodSettings(settings.runtime_image, injection, settings.poke_base_url, settings.heartbeat_address),
        control_keys=settings.control_keys,
        exposure=settings.exposure,
        is_uninstalling=settings.is_uninstalling,
        host_ports=HostPorts(settings.shard.share_of(settings.host_ports)),
        store=store,
    )


def _webhook_dispatcher(
    settings: WebhookSettings,
    clock: SystemClock,
    controller: Controller,
    metrics: Metrics,
    http: aiohttp.ClientSession,
    lease: Lease,
) -> WebhookDispatcher:
    webhook = HttpWebhook(http, settings.url, settings.secret_file, clock, lease)
    return WebhookDispatcher(webhook, settings.events, settings.source, clock, controller.mark, metrics)


async def _serve(
    stack: AsyncExitStack,
    settings: Settings,
    backlog: Backlog,
    metrics: Metrics,
    ready: asyncio.Event,
    store: WatchStore,
) -> None:
    gate = PokeGate(store.__contains__, backlog.poked)
    app = create_app(lambda address, key: metrics.count_poke(gate.poke(address, key)), ready.is_set, metrics.registry)
    guard = ConnectionGuard(lifetime_seconds=LIFETIME_SECONDS)
    await stack.enter_async_context(serving(app, settings.host, settings.port, guard))


def _listen_to_heartbeats(
    stack: AsyncExitStack, address: str, host: str, controller: Controller, metrics: Metrics
) -> None:
    poller, port = controller.poller, int(address.rpartition(":")[2])
    stack.enter_context(heartbeats(host, port, lambda datagram: metrics.count_heartbeat(poller.heartbeat(datagram))))


async def _watch(server: str, settings: Settings, events: EventHandler, stop: asyncio.Event) -> None:
    kopf_settings = make_settings()
    registry = make_registry(server, Watches(events, kopf_settings, PLURALS))
    tell_of_stop(registry, stop)
    await kopf.operator(
        registry=registry,
        settings=kopf_settings,
        standalone=True,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        stop_flag=stop,
    )
