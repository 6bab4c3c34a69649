"""A bot on the telephone: Pipecat's own WebSocket transport, and a voice that is a tone.

`body`: {"port": where it listens, "seconds": how long its voice sounds, "mute": true for no voice at all, "greets":
true to speak to whoever calls, "hangs_up": seconds after a call began, "cancels_on": the number of the call that it
ends by cancelling, "when_left": "cancel" | "cancel late" | "end" | none, "own_idle": Pipecat's idle timeout,
"connects": true for a service that cannot connect, and holds the start of the pipeline meanwhile}
"""

import asyncio

from pipecat.frames.frames import EndFrame, TTSSpeakFrame
from pipecat.pipeline.worker import PipelineParams
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.transports.websocket import server
from quiet import PassThrough, make_worker, run
from tts import RATE, ToneTTS

# Its name before Pipecat 1.4.
Transport = getattr(server, "SingleClientWebsocketServerTransport", None) or server.WebsocketServerTransport
Params = getattr(server, "SingleClientWebsocketServerParams", None) or server.WebsocketServerParams


class Connecting(PassThrough):
    """Waits for a provider that does not answer before it hands on the frame that the pipeline starts with."""

    async def process_frame(self, frame, direction):
        """Wait, longer than any test does."""
        if type(frame).__name__ == "StartFrame":
            print("connecting", flush=True)
            await asyncio.sleep(3600)
        await super().process_frame(frame, direction)


def answer_calls(transport, worker, body):
    """Do what the body says when somebody calls, or hangs up."""
    calls = []

    @transport.event_handler("on_websocket_ready")
    async def ready(_transport):
        print("listening", flush=True)

    @transport.event_handler("on_client_connected")
    async def came(_transport, client):
        calls.append(client)
        print(f"call {len(calls)}", flush=True)
        if body.get("greets"):
            await worker.queue_frame(TTSSpeakFrame("hello"))
        if body.get("cancels_on") == len(calls):
            await worker.cancel()
        if "hangs_up" in body:
            await asyncio.sleep(body["hangs_up"])
            await worker.queue_frame(EndFrame(reason="said goodbye"))

    @transport.event_handler("on_client_disconnected")
    async def left(_transport, client):
        print("left", flush=True)
        how = body.get("when_left", "")
        if how == "cancel late":
            await asyncio.sleep(6)
        if how == "end":
            await worker.queue_frame(EndFrame())
        elif how:
            await worker.cancel()


async def bot(runner_args):
    """Answer calls until ended."""
    body = runner_args.body
    params = Params(audio_in_enabled=True, audio_out_enabled=True, serializer=ProtobufFrameSerializer())
    transport = Transport(params=params, host="127.0.0.1", port=body["port"])
    voice = PassThrough() if body.get("mute") else ToneTTS(body.get("seconds", 0.2))
    worker = make_worker(
        transport.input(),
        *([Connecting()] if body.get("connects") else []),
        voice,
        transport.output(),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        idle_timeout_secs=body.get("own_idle"),
    )
    answer_calls(transport, worker, body)
    await run(worker)
