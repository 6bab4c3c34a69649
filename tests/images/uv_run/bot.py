"""A bot that is only a script: its transport is written into it, and nothing starts it but `python talk.py`."""

import asyncio
import os

from pipecat.frames.frames import EndFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.transports.websocket.server import SingleClientWebsocketServerParams, SingleClientWebsocketServerTransport
from pipecat.workers.runner import WorkerRunner


async def say_goodbye(worker):
    """End the conversation when it has taken CALL_SECONDS."""
    await asyncio.sleep(float(os.environ.get("CALL_SECONDS", "600")))
    await worker.queue_frame(EndFrame(reason="all said"))


async def main():
    """Wait for a caller on port 8765."""
    params = SingleClientWebsocketServerParams(serializer=ProtobufFrameSerializer())
    transport = SingleClientWebsocketServerTransport(params, host="0.0.0.0", port=8765)
    worker = PipelineWorker(Pipeline([transport.input(), transport.output()]))

    runner = WorkerRunner(handle_sigterm=True)
    await runner.add_workers(worker)
    goodbye = asyncio.create_task(say_goodbye(worker))
    await runner.run()
    goodbye.cancel()


if __name__ == "__main__":
    asyncio.run(main())
