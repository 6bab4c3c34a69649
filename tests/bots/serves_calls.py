"""A server of its own with a call over each WebSocket, as Pipecat's telephone examples have, that starts slowly.

Argument: the port.
"""

import asyncio
import sys

import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from quiet import run

app = FastAPI()


class FarAway(FrameProcessor):
    """A service that takes its time to connect."""

    async def process_frame(self, frame, direction):
        """Hold up the first frame for as long as the test lasts."""
        await super().process_frame(frame, direction)
        if type(frame).__name__ == "StartFrame":
            print("connecting.", flush=True)
            await asyncio.sleep(60)
        await self.push_frame(frame, direction)


@app.websocket("/ws")
async def call(websocket: WebSocket):
    """Hold a call, and give it up when the caller leaves."""
    await websocket.accept()
    transport = FastAPIWebsocketTransport(websocket, FastAPIWebsocketParams(audio_in_enabled=True))
    worker = PipelineWorker(Pipeline([transport.input(), FarAway(), transport.output()]), idle_timeout_secs=None)

    @transport.event_handler("on_client_disconnected")
    async def left(transport, client):
        await worker.cancel()

    await run(worker)


async def serve(port):
    """Listen, and never leave."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # uvicorn has no event for it
        await asyncio.sleep(0.05)
    print("serving.", flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
