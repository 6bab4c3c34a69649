"""What an observer sees, and where the hook looks for frames, transports and clients."""

import asyncio
import importlib
from typing import Any

import pytest
from pipecat.frames import frames
from pipecat.frames.frames import CancelFrame, EndFrame, Frame
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.parallel_pipeline import ParallelPipeline

from tests.facts import ours
from tests.facts.sessions import PATIENCE, Blackhole, PassThrough, Session, make_worker
from tests.pipecats import fact


class Hops(BaseObserver):
    """Keeps each push of some frames."""

    def __init__(self, *kinds: type[Frame]) -> None:
        super().__init__()
        self.kinds = kinds
        self.hops: list[Any] = []

    async def on_push_frame(self, data: Any) -> None:
        if isinstance(data.frame, self.kinds):
            self.hops.append(data)

    @property
    def names(self) -> list[tuple[str, str]]:
        """Return from where to where, in order."""
        return [(hop.source.name, hop.destination.name) for hop in self.hops]


@fact("an observer added by the hook sees each push of a frame: from which processor to which")
async def test_observer_sees_each_hop() -> None:
    hops, processor = Hops(EndFrame), PassThrough()
    worker = make_worker(processor)
    worker.add_observer(hops)
    async with Session(worker) as session:
        await worker.queue_frame(EndFrame())
        await session.over()
    sources = [source for source, _ in hops.names]
    assert processor.name in sources
    assert hops.hops[-1].destination is worker.pipeline.processors[-1]


@fact("a frame keeps its `id` on its way")
async def test_frame_keeps_its_id() -> None:
    hops = Hops(EndFrame)
    worker = make_worker()
    worker.add_observer(hops)
    async with Session(worker) as session:
        await worker.queue_frame(frame := EndFrame())
        await session.over()
    assert {hop.frame.id for hop in hops.hops} == {frame.id}


@fact("a processor that swallows an EndFrame is the last that an observer saw it go to")
async def test_stuck_processor_is_the_last_destination() -> None:
    hops, hole = Hops(EndFrame), Blackhole("EndFrame")
    worker = make_worker(PassThrough(), hole)
    worker.add_observer(hops)
    async with Session(worker) as session:
        await worker.queue_frame(EndFrame())
        await asyncio.wait_for(hole.is_fed.wait(), PATIENCE)
        assert not await session.is_over()
        last = hops.names[-1]
    assert last[1] == hole.name


@fact("an observer sees a CancelFrame that was put into `worker.pipeline` reach the way out")
async def test_way_out_is_seen() -> None:
    hops = Hops(CancelFrame)
    worker = make_worker(Blackhole("EndFrame"))
    worker.add_observer(hops)
    async with Session(worker) as session:
        await worker.queue_frame(EndFrame())
        await worker.pipeline.queue_frame(CancelFrame())
        await session.over()
    assert hops.hops[-1].destination is worker.pipeline.processors[-1]


@fact("the ways into and out of a pipeline are named `::Source` and `::Sink`; those of branches are numbered")
async def test_ends_of_pipelines_go_by_their_names() -> None:
    hops, inner = Hops(EndFrame), PassThrough()
    worker = make_worker(ParallelPipeline([inner], [PassThrough()]))  # type: ignore[no-untyped-call]  # as Pipecat has it
    worker.add_observer(hops)
    async with Session(worker) as session:
        await worker.queue_frame(EndFrame())
        await session.over()
    seen = {processor for hop in hops.hops for processor in (hop.source, hop.destination)}
    holders = {processor.name for processor in seen if ours.can_hold(processor)}
    assert inner.name in holders
    assert not any("Pipeline" in name for name in holders)


@fact("the frames that count as activity by default exist: " + ", ".join(f"`{name}`" for name in ours.ACTIVITY_FRAMES))
async def test_activity_frames_exist() -> None:
    found, unknown = ours.frame_classes(ours.ACTIVITY_FRAMES)
    assert (len(found), unknown) == (len(ours.ACTIVITY_FRAMES), [])


@fact("frame classes of a bot's own are found below `Frame`")
async def test_own_frame_classes_are_found() -> None:
    class GameMoveFrame(frames.DataFrame):
        """Is nobody else's."""

    found, _ = ours.frame_classes(["GameMoveFrame"])
    assert GameMoveFrame in found


@pytest.mark.parametrize("name", ["websocket.fastapi", "websocket.server"])
@fact("a transport that tells when a client connects imports `ClientConnectedFrame` into its module")
async def test_transport_that_tells_of_clients_imports_the_frame(name: str) -> None:
    module = importlib.import_module(f"pipecat.transports.{name}")
    assert hasattr(module, "ClientConnectedFrame")


@fact("the base of all transports, `BaseInputTransport`, does not")
async def test_base_transport_does_not_import_the_frame() -> None:
    module = importlib.import_module("pipecat.transports.base_input")
    assert hasattr(module, "BaseInputTransport")
    assert not hasattr(module, "ClientConnectedFrame")


@fact(
    "from the input and output of a pipeline there is a way to their transport, and to its `on_client_connected` and "
    "`on_client_disconnected`"
)
async def test_transport_is_found_from_its_processors() -> None:
    server: Any = importlib.import_module("pipecat.transports.websocket.server")
    # Its name before Pipecat 1.4 is the second.
    transport_class = getattr(server, "SingleClientWebsocketServerTransport", None) or server.WebsocketServerTransport
    params = getattr(server, "SingleClientWebsocketServerParams", None) or server.WebsocketServerParams
    transport = transport_class(params=params())
    worker = make_worker(transport.input(), transport.output())
    assert ours.transports_of(worker.pipeline) == [transport]
    assert {"on_client_connected", "on_client_disconnected"} <= set(transport._event_handlers)


@fact("what speaks a TTSSpeakFrame is a `TTSService`")
async def test_tts_service_is_where_it_is_looked_for() -> None:
    from pipecat.services.tts_service import TTSService

    class Voice(TTSService):
        """Has nothing to say."""

        async def run_tts(self, text: str, context_id: str) -> Any:
            yield None

    assert ours.can_speak(make_worker(Voice()).pipeline)
    assert not ours.can_speak(make_worker(PassThrough()).pipeline)


@pytest.mark.parametrize(
    "name", ["TTSStartedFrame", "TTSAudioRawFrame", "InterruptionFrame", "BotStartedSpeakingFrame"]
)
@fact("the frames exist by which a farewell is followed from the TTS to the output's silence")
async def test_frames_of_speech_exist(name: str) -> None:
    assert hasattr(frames, name)
    assert hasattr(frames, "BotStoppedSpeakingFrame")


@fact(
    "`RunnerArguments` takes `body` and `session_id`, and has `handle_sigint`, `handle_sigterm` and "
    "`pipeline_idle_timeout_secs` to be set"
)
async def test_runner_arguments_are_as_we_make_them() -> None:
    from pipecat.runner.types import RunnerArguments

    made = RunnerArguments(body={}, session_id="a")
    for name in ("handle_sigint", "handle_sigterm", "pipeline_idle_timeout_secs"):
        assert hasattr(made, name)
        setattr(made, name, 0)
