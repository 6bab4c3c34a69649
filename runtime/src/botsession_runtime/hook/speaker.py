"""Which pipeline can say something to a client now, and whether a client hears it."""

from collections.abc import Iterable

from .clients import Clients
from .farewell import can_speak
from .roots import Root


def choose_speaker(unfinished: Iterable[Root], clients: Clients) -> tuple[Root | None, str]:
    """Return the root worker that is to say something; or None, and why in the contract's words (`Farewell`)."""
    live = [root for root in unfinished if not root.has_end_in_flight]
    able = [root for root in live if can_speak(root.worker.pipeline)]
    if not live:
        return None, "AlreadyEnding"
    if not able:
        return None, "NoTTS"
    if clients.has_left:
        return None, "ClientGone"
    reports_clients = any(clients.reports_clients(root.worker.pipeline) for root in live)
    return (None, "NoClient") if reports_clients and not clients.has_connected else (able[0], "")


def is_heard(roots: Iterable[Root], clients: Clients) -> bool:
    """Return whether a client may hear the bot now. Without a transport that reports clients, assume that one does."""
    if clients.has_connected:
        return not clients.has_left
    return not any(clients.reports_clients(root.worker.pipeline) for root in roots)
