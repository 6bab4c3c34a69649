"""Run the operator: `python -m botsession_operator`, configured by its environment (see `settings`).

`python -m botsession_operator uninstall` takes its place, once, to end what is left before the operator goes for good.
"""

import asyncio
import logging
import os
import signal
import sys
from dataclasses import replace

import structlog

from botsession_contract.text import escape_controls
from botsession_operator.core.decide.uninstall import NO_EVENTS
from botsession_operator.effects import api
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.effects.uninstall_client import KubernetesUninstallClient
from botsession_operator.operate import operate
from botsession_operator.settings import Settings, SettingsError, check_signing, read_settings
from botsession_operator.uninstall import release_all_finalizers, wait_for_ends

log = structlog.get_logger("botsession")
#: Tracebacks have lines, and code in them may be indented by tabs.
LAYOUT = "\n\t"


def main() -> None:
    """Read the settings and run until SIGTERM; exit with a sentence where the settings make no sense."""
    commands = {(): run, ("uninstall",): uninstall}
    command = commands.get(tuple(sys.argv[1:]))
    if command is None:
        sys.exit("usage: botsession-operator [uninstall]")
    try:
        settings = read_settings(os.environ)
        if command is run:
            check_signing(settings)
    except SettingsError as exc:
        sys.exit(f"botsession-operator: {exc}")
    configure_logs(settings)
    asyncio.run(command(settings))


async def run(settings: Settings) -> None:
    """Look after sessions until SIGTERM."""
    stop = _stopped_by_signals()
    async with await api.connect(settings.kubeconfig) as connected:
        await operate(connected, settings, stop)


async def uninstall(settings: Settings) -> None:
    """Stop the operator, end all sessions in its place, and let everything go; exit with 1 when interrupted."""
    stop = _stopped_by_signals()
    async with await api.connect(settings.kubeconfig) as connected:
        estate = KubernetesUninstallClient(
            connected, settings.namespaces, settings.deployment, settings.finalizer_policy
        )
        await estate.stop_operator()
        operating = asyncio.create_task(operate(connected, replace(settings, is_uninstalling=True), stop))
        events = settings.webhook.events if settings.webhook else NO_EVENTS
        waiting = asyncio.create_task(wait_for_ends(estate, settings.uninstall_timeout, events=events))
        await asyncio.wait({operating, waiting}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await operating
        if not waiting.done():
            waiting.cancel()
            sys.exit("botsession-operator: interrupted; uninstall again")
        await waiting
        await release_all_finalizers(estate, KubernetesCluster(connected, settings.identity))
    log.info("all let go")


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


class PlainFormatter(logging.Formatter):
    """Writes control characters out: a library's lines quote what it was sent."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return escape_controls(super().format(record), LAYOUT)


def without_controls(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Write control characters out: what a bot or a server says is read on terminals too."""
    return {name: escape_controls(value, LAYOUT) if isinstance(value, str) else value for name, value in event.items()}


def configure_logs(settings: Settings) -> None:
    """Write one line per event: JSON for a cluster's log store, coloured text for a person."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            without_controls,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


if __name__ == "__main__":
    main()
