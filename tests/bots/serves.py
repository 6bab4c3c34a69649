"""A server of its own, as Pipecat's peer-to-peer example has one: whoever calls begins the conversation.

Arguments: the port, and `slow` to begin it only when the caller has sent something, `friend` to be connected to itself,
`open` to listen for other machines.
"""

import asyncio
import sys

from fastapi import FastAPI, WebSocket
from pipecat.frames.frames import EndFrame
from quiet import make_worker, run
from uvicorn import Config, Server

app = FastAPI()
calls = set()


@app.get("/call")
@app.post("/api/offer")
async def offer():
    """Begin a conversation beside the server, and answer at once."""
    calls.add(asyncio.create_task(converse()))
    return {"type": "answer"}


@app.websocket("/ws")
async def connect(websocket: WebSocket):
    """Hold the conversation over a connection that stays."""
    await websocket.accept()
    print("connected", flush=True)
    if "slow" in sys.argv:
        await websocket.receive_text()
    await converse()


async def converse():
    """Say nothing, and end."""
    worker = make_worker()

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        await worker.queue_frame(EndFrame(reason="said all"))

    await run(worker)


async def serve(port):
    """Listen, and never leave."""
    host = "0.0.0.0" if "open" in sys.argv else "127.0.0.1"
    server = Server(Config(app, host=host, port=port, log_level="warning", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # uvicorn has no event for it
        await asyncio.sleep(0.05)
    print("serving.", flush=True)
    if "friend" in sys.argv:
        await asyncio.open_connection("127.0.0.1", port)
        print("has a friend.", flush=True)
    await serving


async def bot(runner_args):
    """Serve as a target that looks after its callers itself."""
    await serve(runner_args.body["port"])


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
