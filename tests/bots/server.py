"""A server that holds a conversation with each caller, as Pipecat's own runner does, and stays when it is over.

Arguments: `deaf` to ignore SIGTERM.
"""

import asyncio
import signal
import sys

from aiohttp import web
from pipecat.frames.frames import EndFrame
from quiet import make_worker, run

calls = set()


async def call(request):
    """Begin a conversation; `?end=` a number of seconds to end it after, `?crash=` an exception when it is over."""
    calls.add(asyncio.create_task(converse(request.query)))
    return web.Response()


async def converse(query):
    """Run a bot beside the server."""
    worker = make_worker()

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        if "end" in query:
            await asyncio.sleep(float(query["end"]))
            await worker.queue_frame(EndFrame())

    await run(worker)
    if "crash" in query:
        raise ValueError(query["crash"])


async def serve():
    """Listen, and never leave."""
    app = web.Application()
    app.router.add_get("/call", call)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"serving at http://127.0.0.1:{runner.addresses[0][1]}/call.", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if "deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    asyncio.run(serve())
