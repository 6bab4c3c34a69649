"""A bot that saves what was said while it ends: an upload in parts, which is completed at last.

`body`: {"where": "finished handler" | "EndFrame" | "CancelFrame" | "left handler" | "after the runner" | "atexit" |
"thread", "takes": seconds, "ends": how it ends: "EndFrame" | "hang-up", "dies": how its process does: "code" |
"segv" | none}
"""

import asyncio
import atexit
import os
import signal
import subprocess
import time

from line import Line, PassThrough, ToneTTS, make_worker, run, scene
from pipecat.frames.frames import CancelFrame, EndFrame


class Uploader(PassThrough):
    """Completes the upload before it hands a frame on that ends the pipeline."""

    def __init__(self, frame_class, complete):
        super().__init__()
        self._frame_class, self._complete = frame_class, complete

    async def process_frame(self, frame, direction):
        """Complete it."""
        if self._frame_class and isinstance(frame, self._frame_class):
            await self._complete()
        await super().process_frame(frame, direction)


def die(how):
    """End as a native library does that is not torn down well."""
    if how == "code":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGSEGV)


def play_music():
    """Start a helper program, which ends with the bot."""
    music = subprocess.Popen(["sleep", "1000"])
    atexit.register(lambda: (music.terminate(), print("music: off", flush=True)))


async def upload(where, seconds):
    """Complete an upload."""
    print("upload: begun", flush=True)
    if where == "thread":
        await asyncio.to_thread(time.sleep, seconds)
    else:
        await asyncio.sleep(seconds)
    print("upload: completed", flush=True)


async def bot(runner_args):
    """Hold a call, and save it."""
    body = runner_args.body
    where = body["where"]
    if "dies" in body:
        atexit.register(die, body["dies"])

    async def complete(*_):
        await upload(where, body["takes"])

    frame_class = {"EndFrame": EndFrame, "CancelFrame": CancelFrame}.get(where)
    line = Line()
    worker = make_worker(line.input(), ToneTTS(), line.output(), Uploader(frame_class, complete))

    @line.event_handler("on_client_disconnected")
    async def left(_line, _client):
        if where == "left handler":
            await complete()
        await worker.cancel()

    if where in ("finished handler", "thread"):
        worker.add_event_handler("on_pipeline_finished", complete)
    elif where == "atexit":
        play_music()

    async def play():
        await line.come()
        await (line.leave() if body["ends"] == "hang-up" else worker.queue_frame(EndFrame(reason="survey complete")))

    scene(worker, play)
    await run(worker)
    if where == "after the runner":
        await complete()
