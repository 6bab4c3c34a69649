"""A voice bot that repeats what it hears: a whole Pipecat pipeline with no account, no key and no network."""
# mypy: disable-error-code="import-not-found", allow-untyped-decorators

import asyncio
import os

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import EndWorkerFrame, Frame, TranscriptionFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.types import RunnerArguments
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.transports.base_transport import BaseTransport
from pipecat.transports.websocket.server import (
    SingleClientWebsocketServerParams,
    SingleClientWebsocketServerTransport,
)
from pipecat.workers.runner import WorkerRunner
from services import EspeakTTSService, PocketsphinxSTTService
from speech import SAMPLE_RATE

DEFAULT_PORT = 8765


class Parrot(FrameProcessor):
    """Stand where other bots have their LLM: say back what was heard, and end the call at "goodbye"."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer each transcription, and let every frame pass."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            await self._answer(frame.text)

    async def _answer(self, heard: str) -> None:
        if heard != "goodbye":
            await self.push_frame(TTSSpeakFrame(f"you said {heard}"))
            return
        await self.push_frame(TTSSpeakFrame("goodbye"))
        # Downstream, so that it arrives behind the goodbye and the caller hears all of it.
        await self.push_frame(EndWorkerFrame(reason="the caller said goodbye"))


async def bot(runner_args: RunnerArguments) -> None:
    """Wait for one caller, talk until one of us says goodbye, and return."""
    transport = SingleClientWebsocketServerTransport(
        params=SingleClientWebsocketServerParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            serializer=ProtobufFrameSerializer(),
        ),
        host="0.0.0.0",
        port=listening_port(runner_args),
    )
    worker = PipelineWorker(
        parrot_pipeline(transport),
        params=PipelineParams(audio_in_sample_rate=SAMPLE_RATE, audio_out_sample_rate=SAMPLE_RATE),
        idle_timeout_secs=runner_args.pipeline_idle_timeout_secs,
    )

    @transport.event_handler("on_client_connected")
    async def on_client_connected(_transport: BaseTransport, _client: object) -> None:
        await worker.queue_frame(TTSSpeakFrame("hello"))

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(_transport: BaseTransport, _client: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=runner_args.handle_sigint, handle_sigterm=runner_args.handle_sigterm)
    await runner.add_workers(worker)
    await runner.run()


def parrot_pipeline(transport: BaseTransport) -> Pipeline:
    """Connect ear, parrot and mouth."""
    return Pipeline(
        [
            transport.input(),
            # Half a second of quiet ends an utterance: less would cut a sentence at a comma.
            VADProcessor(vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=0.5))),
            PocketsphinxSTTService(),
            Parrot(),
            EspeakTTSService(),
            transport.output(),
        ]
    )


def listening_port(runner_args: RunnerArguments) -> int:
    """Choose the port: the session's body may name one, else the environment, else the default."""
    body = runner_args.body if isinstance(runner_args.body, dict) else {}
    return int(body.get("port") or os.environ.get("PARROT_PORT") or DEFAULT_PORT)


if __name__ == "__main__":
    arguments = RunnerArguments()
    arguments.handle_sigint = True  # Ctrl-C ends it
    asyncio.run(bot(arguments))
