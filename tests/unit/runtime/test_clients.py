"""Who is there, by what transports tell. Pipecat's own are called in tests/component/runtime/test_calls.py."""

from typing import Any

import pytest
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.transports.websocket.server import (
    SingleClientWebsocketServerParams,
    SingleClientWebsocketServerTransport,
)
from pydantic import BaseModel

from botsession_runtime.hook.clients import Clients, transports_of


class Heard:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def send(self, event: str) -> None:
        self.events.append(event)


class Callbacks(BaseModel):
    """How a client calls its transport back, in half of Pipecat's transports."""

    on_left: Any


class Shared:
    """A client that input and output share with their transport."""

    def __init__(self, **members: Any) -> None:
        vars(self).update(members)


class Input(BaseInputTransport):
    """Knows its transport's client, and not its transport."""

    def __init__(self, client: Any) -> None:
        super().__init__(TransportParams())
        self._client = client


class Remote(BaseTransport):
    """A transport that can be reached only through the callbacks of its client."""

    def __init__(self, *events: str, listeners: bool = False) -> None:
        super().__init__()
        callbacks = Callbacks(on_left=self.on_left)
        self._client = Shared(_listeners={7: callbacks}) if listeners else Shared(_callbacks=callbacks)
        for event in events or ("on_client_connected", "on_client_disconnected"):
            self._register_event_handler(event, sync=True)

    async def on_left(self, client: Any) -> None:
        await self._call_event_handler("on_client_disconnected", client)

    def input(self) -> FrameProcessor:
        return Input(self._client)

    def output(self) -> FrameProcessor:
        raise AssertionError("who is there is told by the input")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def clients(heard: Heard) -> Clients:
    return Clients(heard)  # type: ignore[arg-type]  # all that it uses


async def happens(transport: BaseTransport, clients: Clients, *events: tuple[str, Any]) -> Clients:
    clients.watch(Pipeline([transport.input()]))
    for event, client in events:
        await transport._call_event_handler(event, client)  # as each transport does
    return clients


def came(client: Any) -> tuple[str, Any]:
    return "on_client_connected", client


def left(client: Any) -> tuple[str, Any]:
    return "on_client_disconnected", client


def websocket_server() -> BaseTransport:
    return SingleClientWebsocketServerTransport(SingleClientWebsocketServerParams())


def telephony() -> BaseTransport:
    websocket: Any = Shared(client_state=None, application_state=None)
    return FastAPIWebsocketTransport(websocket, FastAPIWebsocketParams())


@pytest.mark.parametrize(
    "make",
    [websocket_server, telephony, Remote, lambda: Remote(listeners=True)],
    ids=["WebSocket server", "FastAPI WebSocket", "callbacks, as SmallWebRTC", "listeners, as Vonage"],
)
def test_transport_is_found_from_a_processor_of_its(make: Any) -> None:
    transport = make()
    pipeline = Pipeline([Pipeline([transport.input()])])
    assert transports_of(pipeline) == [transport]


def test_pipeline_without_a_transport_has_none(clients: Clients) -> None:
    pipeline = Pipeline([FrameProcessor()])
    assert transports_of(pipeline) == []
    assert not clients.reports_clients(pipeline)


@pytest.mark.parametrize(
    ("events", "sent", "has_left"),
    [
        pytest.param([came("a")], ["client"], False, id="one came"),
        pytest.param([came("a"), left("a")], ["client", "left"], True, id="it left"),
        pytest.param([came("a"), left("a"), came("a")], ["client", "left", "client"], False, id="it came back"),
        pytest.param([came("a"), came("b"), left("a")], ["client"], False, id="another is still there"),
        pytest.param([came("a"), came("a"), left("a")], ["client", "left"], True, id="it was told of twice"),
        pytest.param(
            [came({"id": "a", "info": 1}), left({"id": "a", "info": 2})], ["client", "left"], True, id="a participant"
        ),
        pytest.param([came("a"), left("stranger")], ["client"], False, id="one who was never told of left"),
        pytest.param([left("stranger")], ["left"], True, id="and nobody else is there"),
    ],
)
async def test_coming_and_going(
    clients: Clients, heard: Heard, events: list[tuple[str, Any]], sent: list[str], has_left: bool
) -> None:
    await happens(Remote(), clients, *events)
    assert (heard.events, clients.has_left) == (sent, has_left)


async def test_transport_that_has_only_participants_tells_of_them(clients: Clients, heard: Heard) -> None:
    transport = Remote("on_participant_connected", "on_participant_left")
    await happens(transport, clients, ("on_participant_connected", "a"), ("on_participant_left", "a"))
    assert heard.events == ["client", "left"]


async def test_transport_of_two_pipelines_is_listened_to_once(clients: Clients, heard: Heard) -> None:
    transport = Remote()
    clients.watch(Pipeline([transport.input()]))
    await happens(transport, clients, came("a"))
    assert len(heard.events) == 1


async def test_frame_that_is_seen_late_does_not_bring_a_client_back(clients: Clients, heard: Heard) -> None:
    await happens(Remote(), clients, came("a"), left("a"))
    clients.on_client_frame()
    assert (heard.events, clients.has_left) == (["client", "left"], True)


def test_frame_alone_tells_of_a_client(clients: Clients, heard: Heard) -> None:
    for _ in range(2):
        clients.on_client_frame()
    assert (heard.events, clients.has_connected) == (["client"], True)
