"""Who is there to hear the bot, by what the transports of its pipeline tell."""

import sys
from collections.abc import Iterable
from typing import Any

from .frames import is_a, processors_of
from .ipc import IpcConnection

#: A transport's events of a client that comes and one that leaves. LiveKit's transport has the second pair only up to
#: Pipecat 1.7, and both from 1.10 on.
EVENTS = (("on_client_connected", "on_client_disconnected"), ("on_participant_connected", "on_participant_left"))


class Clients:
    """Counts the clients. A transport tells of each; a frame, of which there is one only for coming, may do too."""

    def __init__(self, connection: IpcConnection) -> None:
        self._connection = connection
        self._transports: list[Any] = []
        self._present: set[Any] = set()
        self.has_connected = False
        #: Some have left, and none that is known of is there.
        self.has_left = False

    def watch(self, pipeline: Any) -> None:
        """Listen to the transports of a pipeline that has not started."""
        for transport in transports_of(pipeline):
            pair = _events_of(transport)
            if pair and not any(known is transport for known in self._transports):
                self._transports.append(transport)
                transport.add_event_handler(pair[0], self._on_connected)
                transport.add_event_handler(pair[1], self._on_disconnected)

    def reports_clients(self, pipeline: Any) -> bool:
        """Return whether one that connects would be noticed."""
        return any(map(_events_of, transports_of(pipeline))) or _imports_client_frame(pipeline)

    def on_client_frame(self) -> None:
        """Note a frame that says that one has connected. Observers are told late, so it does not undo a leaving."""
        if not self.has_connected:
            self.has_connected = True
            self._connection.send("client")

    def _on_connected(self, _transport: Any, client: Any = None, *_: Any) -> None:
        self._present.add(_client_id(client))
        if self.has_left or not self.has_connected:
            self.has_connected, self.has_left = True, False
            self._connection.send("client")

    def _on_disconnected(self, _transport: Any, client: Any = None, *_: Any) -> None:
        self._present.discard(_client_id(client))
        if not self._present:
            self.has_left = True
            self._connection.send("left")


def transports_of(pipeline: Any) -> list[Any]:
    """Find the transports that a pipeline's inputs and outputs belong to.

    There is no public way from one to the other. Most have it as `_transport`; the others share a client with their
    transport, and that calls the transport back. Looked up in the sources of 1.3, 1.10 and 1.14.
    """
    base = sys.modules.get("pipecat.transports.base_transport")
    if base is None:
        return []  # not to be imported for a bot that has no use for it
    found = (each for processor in processors_of(pipeline) for each in _possible_transports(processor))
    return list({id(each): each for each in found if isinstance(each, base.BaseTransport)}.values())


def has_transport(pipeline: Any) -> bool:
    """Tell a pipeline that somebody may be connected to from one that only works for others."""
    kinds = tuple(
        getattr(sys.modules[module], name)
        for module, name in (
            ("pipecat.transports.base_input", "BaseInputTransport"),
            ("pipecat.transports.base_output", "BaseOutputTransport"),
        )
        if module in sys.modules
    )
    return bool(transports_of(pipeline)) or any(isinstance(each, kinds) for each in processors_of(pipeline))


def _possible_transports(processor: Any) -> Iterable[Any]:
    yield getattr(processor, "_transport", None)
    client = getattr(processor, "_client", None)
    listeners = getattr(client, "_listeners", None)
    for callbacks in (
        getattr(client, "_callbacks", None),
        *(listeners.values() if isinstance(listeners, dict) else ()),
    ):
        yield from (getattr(each, "__self__", None) for each in getattr(callbacks, "__dict__", {}).values())


def _events_of(transport: Any) -> tuple[str, str] | None:
    registered = getattr(transport, "_event_handlers", {})
    return next((pair for pair in EVENTS if pair[0] in registered and pair[1] in registered), None)


def _client_id(client: Any) -> Any:
    """Tell one client from another: participants come as dictionaries, or as their ids; connections as objects."""
    if isinstance(client, dict):
        return next((str(client[name]) for name in ("id", "streamId") if name in client), None)
    return client if isinstance(client, str) else id(client)


def _imports_client_frame(pipeline: Any) -> bool:
    """Return whether a transport pushes the frame that says so: it has to import it into a module of its own."""
    known = ("pipecat.transports.base_input", "BaseInputTransport")
    inputs = (type(each) for each in processors_of(pipeline) if is_a(each, *known))
    modules = (sys.modules.get(cls.__module__) for kind in inputs for cls in kind.__mro__)
    return any(hasattr(module, "ClientConnectedFrame") for module in modules)
