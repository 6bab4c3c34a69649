"""Programs that a session runs by `command`, each as Pipecat's examples have it. The argument says which.

script: the conversation in `asyncio.run(main())`. no key: gives up before it has a pipeline. exits: `sys.exit` in the
middle of the conversation. raises: an exception there. server: answers an HTTP request by running the bot in the
background. several: the same for one caller after the other. subprocess: the same, with a process for each call.
"""

import asyncio
import os
import sys

import aiohttp
from aiohttp import web
from line import Line, ToneTTS, make_worker, run, scene
from pipecat.frames.frames import EndFrame, TTSSpeakFrame


async def converse(how="script"):
    """Hold a conversation."""
    line = Line()
    worker = make_worker(line.input(), ToneTTS(), line.output())

    async def play():
        await line.come()
        if how == "exits":
            os._exit(4)
        await worker.queue_frames([TTSSpeakFrame("Hello there!"), EndFrame(reason=f"said by {how}")])

    scene(worker, play)
    await run(worker)
    if how == "raises":
        raise ValueError("the transcript has no place to go")


class Server:
    """A web server that starts a bot for each request, and stays."""

    def __init__(self, how):
        self._how = how
        self._calls = []

    async def call(self, _request):
        """Start a bot in the background."""
        if self._how == "subprocess":
            self._calls.append(await asyncio.create_subprocess_exec(sys.executable, __file__, "script"))
        else:
            self._calls.append(asyncio.create_task(converse(f"call {len(self._calls) + 1}")))
        return web.Response(text="started")

    async def serve(self):
        """Listen, and be called."""
        app = web.Application()
        app.router.add_post("/start", self.call)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            for _ in range(2 if self._how == "several" else 1):
                await client.post("/start")
                call = self._calls[-1]
                await (call.wait() if self._how == "subprocess" else asyncio.wait({call}))
        await asyncio.Event().wait()


if __name__ == "__main__":
    which = sys.argv[1]
    if which == "no key":
        print("please set WHATSAPP_TOKEN", file=sys.stderr)
        sys.exit(1)
    asyncio.run(Server(which).serve() if which in ("server", "several", "subprocess") else converse(which))
