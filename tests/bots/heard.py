"""A bot on the telephone whose caller may hear nothing, for one reason or another.

`body`: {"port": where it listens, "voice": "tone" | "silence" | "none", "audio": false for a bot that sends no audio,
"greets": how often it speaks to whoever calls, "caller_speaks": how often the caller does, "model": "dies" for a model
whose connection cannot be made, "fails" for one that pushes an ErrorFrame, "both" for one that logs that too,
"stray": true for a task of the bot's own that dies, "handler": true for an event handler that raises, "floods": how
many errors the model pushes, "ends": true to end when all of that is done, "calls": true to call itself}
"""

import asyncio
import gc
from types import SimpleNamespace

from call import Params, Transport
from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.worker import PipelineParams
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.services.llm_service import LLMService
from quiet import PassThrough, make_worker, run
from tts import RATE, ToneTTS
from websockets.asyncio.client import connect

REFUSED = "cannot reach wss://models.example.com?key=sk-very-secret-key"


class SilentTTS(ToneTTS):
    """A provider that answers with silence."""

    async def run_tts(self, text, context_id):
        """Say nothing, for as long as it takes."""
        print(f"said: {text}", flush=True)
        yield TTSAudioRawFrame(bytes(RATE), RATE, 1, context_id=context_id)


class FarModel(LLMService):
    """A model that goes from speech to speech, and that cannot be reached."""

    # It asks nobody. Pipecat's default imports OpenAI's package, which takes a second.
    adapter_class = SimpleNamespace

    async def process_frame(self, frame, direction):
        """Hand every frame on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)

    async def connect(self):
        """Fail."""
        raise ConnectionRefusedError(REFUSED)

    def dies(self):
        """Fail as a task, which Pipecat only logs."""
        self.create_task(self.connect())

    async def fails(self):
        """Fail, and say so as it should."""
        try:
            await self.connect()
        except ConnectionRefusedError as exc:
            await self.push_error(error_msg=f"Unable to connect: {exc}", exception=exc)

    async def both(self):
        """Fail, and say so twice, as many services do."""
        try:
            await self.connect()
        except ConnectionRefusedError as exc:
            logger.error(f"{self} cannot connect: {exc}")
            await self.push_error(error_msg=f"Unable to connect: {exc}", exception=exc)

    async def floods(self, times):
        """Fail so often."""
        for number in range(times):
            await self.push_frame(ErrorFrame(f"failure {number}"))


async def strays():
    """Fail as a task that nobody waits for."""
    raise LookupError("no such customer")


async def misbehave(model, voice, body):
    """Do what the body says."""
    kind = body.get("model")
    if kind == "dies":
        model.dies()
    elif kind:
        await getattr(model, kind)()
    await model.floods(body.get("floods", 0))
    if body.get("stray"):
        task = asyncio.get_running_loop().create_task(strays())
        await asyncio.wait([task])
        del task
        gc.collect()
    for _ in range(body.get("caller_speaks", 0)):
        await voice.push_frame(UserStartedSpeakingFrame())
        await voice.push_frame(UserStoppedSpeakingFrame())


async def call(port):
    """Be the caller, until the bot hangs up."""
    async with connect(f"ws://127.0.0.1:{port}", proxy=None) as connection:
        await connection.wait_closed()


async def bot(runner_args):
    """Answer calls until ended."""
    body = runner_args.body
    params = Params(
        audio_in_enabled=True, audio_out_enabled=body.get("audio", True), serializer=ProtobufFrameSerializer()
    )
    transport = Transport(params=params, host="127.0.0.1", port=body["port"])
    voice = {"tone": ToneTTS, "silence": SilentTTS, "none": PassThrough}[body.get("voice", "tone")]()
    model = FarModel()
    worker = make_worker(
        transport.input(),
        model,
        voice,
        transport.output(),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
    )

    calls = []

    @transport.event_handler("on_websocket_ready")
    async def ready(_transport):
        print("listening", flush=True)
        if body.get("calls"):
            calls.append(asyncio.get_running_loop().create_task(call(body["port"])))

    @transport.event_handler("on_client_connected")
    async def came(_transport, client):
        print("call 1", flush=True)
        await misbehave(model, voice, body)
        for _ in range(body.get("greets", 0)):
            await worker.queue_frame(TTSSpeakFrame("hello"))
        if body.get("handler"):
            raise LookupError("no such customer")
        if body.get("ends"):
            await worker.queue_frame(EndFrame())

    await run(worker)
