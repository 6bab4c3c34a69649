"""The line that a caller comes in on, and the ears at this end of it: what the example bots have in common."""

import os
from typing import Final

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.runner.types import RunnerArguments
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.transports.base_transport import BaseTransport
from pipecat.transports.websocket.server import (
    SingleClientWebsocketServerParams,
    SingleClientWebsocketServerTransport,
)
from services import PocketsphinxSTTService
from speech import SAMPLE_RATE

DEFAULT_PORT: Final = 8765
AUDIO: Final = PipelineParams(audio_in_sample_rate=SAMPLE_RATE, audio_out_sample_rate=SAMPLE_RATE)


def open_line(runner_args: RunnerArguments) -> BaseTransport:
    """Return a transport that waits for one caller; any other of Pipecat's would do."""
    params = SingleClientWebsocketServerParams(
        audio_in_enabled=True, audio_out_enabled=True, serializer=ProtobufFrameSerializer()
    )
    return SingleClientWebsocketServerTransport(params=params, host="0.0.0.0", port=listening_port(runner_args))


def ears() -> list[FrameProcessor]:
    """Return what turns the caller's sound into transcriptions."""
    # Half a second of quiet ends an utterance: less would cut a sentence at a comma.
    vad = VADProcessor(vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=0.5)))
    return [vad, PocketsphinxSTTService()]


def listening_port(runner_args: RunnerArguments) -> int:
    """Choose the port: the session's body may name one, else the environment, else the default."""
    body = runner_args.body if isinstance(runner_args.body, dict) else {}
    return int(body.get("port") or os.environ.get("BOT_PORT") or DEFAULT_PORT)
