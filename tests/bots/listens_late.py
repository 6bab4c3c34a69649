"""A bot that opens a port when its pipeline runs, as Pipecat's own WebSocket server transport does."""

import asyncio

from quiet import make_worker, run


async def bot(runner_args):
    """Run until ended, and listen meanwhile."""
    worker, servers = make_worker(), []

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        port = runner_args.body["port"]
        servers.append(await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port))
        print("listens.", flush=True)

    await run(worker)
