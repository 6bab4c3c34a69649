"""Run the operator: `python -m botsession_operator`, configured by environment variables (see `settings`).

`python -m botsession_operator uninstall` stops the operator, ends all sessions in its place, and removes finalizers.
"""

import asyncio
import os
import signal
import sys
from dataclasses import replace

from loguru import logger as log

from botsession_operator.core.decide.uninstall import NO_EVENTS
from botsession_operator.effects import api
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.effects.uninstall_client import KubernetesUninstallClient
from botsession_operator.errors import LeaseLost
from botsession_operator.log import configure_log
from botsession_operator.operate import operate
from botsession_operator.settings import Settings, SettingsError, check_signing, log_format_of, read_settings
from botsession_operator.uninstall import release_all_finalizers, wait_for_ends


def main() -> None:
    """Read the settings and run until SIGTERM; exit with 1 and a log line where the settings are invalid."""
    commands = {(): run, ("uninstall",): uninstall}
    command = commands.get(tuple(sys.argv[1:]))
    if command is None:
        sys.exit("usage: botsession-operator [uninstall]")
    try:
        settings = read_settings(os.environ)
        if command is run:
            check_signing(settings)
    except SettingsError as exc:
        configure_log(log_format_of(os.environ), "info")
        log.critical("settings refused", error=str(exc))
        sys.exit(1)
    configure_log(settings.log_format, settings.log_level)
    try:
        asyncio.run(command(settings))
    except LeaseLost:  # logged when it happened
        sys.exit(1)


async def run(settings: Settings) -> None:
    """Run the operator until SIGTERM."""
    stop = _stopped_by_signals()
    async with await api.connect(settings.kubeconfig) as connected:
        await operate(connected, settings, stop)


async def uninstall(settings: Settings) -> None:
    """Stop the operator, end all sessions in its place, and release everything; exit with 1 when interrupted."""
    stop = _stopped_by_signals()
    async with await api.connect(settings.kubeconfig) as connected:
        client = KubernetesUninstallClient(
            connected, settings.namespaces, settings.deployments, settings.finalizer_policy
        )
        await client.stop_operator()
        operating = asyncio.create_task(operate(connected, replace(settings, is_uninstalling=True), stop))
        events = settings.webhook.events if settings.webhook else NO_EVENTS
        waiting = asyncio.create_task(wait_for_ends(client, settings.uninstall_timeout, events=events))
        await asyncio.wait({operating, waiting}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await operating
        if not waiting.done():
            waiting.cancel()
            log.error("interrupted; uninstall again")
            sys.exit(1)
        await waiting
        await release_all_finalizers(client, KubernetesCluster(connected, settings.identity))
    log.info("all finalizers removed")


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


if __name__ == "__main__":
    main()
