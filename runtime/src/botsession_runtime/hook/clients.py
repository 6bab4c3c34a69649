"""Which clients are connected, by the events of the pipeline's transports."""

import sys
from collections.abc import Iterable
from typing import Any

from .frames import is_a, processors_of
from .ipc import IpcConnection

#: A transport's events of a client that comes and one that leaves. LiveKit's transport has the second pair only up to
#: Pipecat 1.7, and both from 1.10 on.
EVENTS = (("on_client_connected", "on_client_disconnected"), ("on_participant_connected", "on_participant_left"))


class Clients:
    """Counts the clients, by the events of transports and by Pipecat's ClientConnectedFrame."""

    def __init__(self, connection: IpcConnection) -> None:
        self._connection = connection
        self._transports: list[Any] = []
        self._present: set[Any] = set()
        self.has_connected = False
        #: A client has disconnected, and none is connected.
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
        """Return whether the pipeline would report a client that connects."""
        return any(map(_events_of, transports_of(pipeline))) or _imports_client_frame(pipeline)

    def on_client_frame(self) -> None:
        """Note a ClientConnectedFrame. Observers see it late, so it does not undo a disconnect."""
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
        return []  # the bot uses no transport, and importing the module would cost it time
    found = (each for processor in processors_of(pipeline) for each in _possible_transports(processor))
    return list({id(each): each for each in found if isinstance(each, base.BaseTransport)}.values())


def has_transport(pipeline: Any) -> bool:
    """Return whether a pipeline has a transport, to which a client may be connected."""
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
    """Return what identifies a client: transports pass participants as dictionaries or ids, connections as objects."""
    if isinstance(client, dict):
        return next((str(client[name]) for name in ("id", "streamId") if name in client), None)
    return client if isinstance(client, str) else id(client)


def _imports_client_frame(pipeline: Any) -> bool:
    """Return whether a transport may push a ClientConnectedFrame: then one of its modules imports that class."""
    known = ("pipecat.transports.base_input", "BaseInputTransport")
    inputs = (type(each) for each in processors_of(pipeline) if is_a(each, *known))
    modules = (sys.modules.get(cls.__module__) for kind in inputs for cls in kind.__mro__)
    return any(hasattr(module, "ClientConnectedFrame") for module in modules)
