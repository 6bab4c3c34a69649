"""A bot whose conversations are held in other processes than the one that is started.

`body`: {"how": "fork" | "spawn" | "forkserver" | "subprocess" | "os.fork", "bots": the conversations, one process each:
[{"ends": seconds, "swallows": true, "blocks": true, "dies": seconds, "crashes": message, "deaf": true,
"wakes": true}],
"in_turn": each of "bots" once the one before is gone and there is this file,
"after": one more, when an EndFrame has been swallowed,
"also_here": a conversation that is held here meanwhile, "breaks": message of an exception that is raised here once one
with "wakes" has begun, "stays": true}
"""

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipecat.frames.frames import EndFrame
from quiet import PassThrough, make_worker, run, settle


class Hole(PassThrough):
    """Swallows an EndFrame, and tells the parent of it."""

    async def process_frame(self, frame, direction):
        """Hand on all frames but one."""
        if not isinstance(frame, EndFrame):
            await super().process_frame(frame, direction)
        else:
            os.kill(os.getppid(), signal.SIGUSR1)


def block():
    """Block the event loop of a child."""
    print(f"blocked {os.getpid()}", flush=True)
    while True:
        time.sleep(0.05)


async def converse(body):
    """Hold one conversation."""
    worker = make_worker(Hole(name="hole") if body.get("swallows") else PassThrough())

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        await settle()
        print(f"talking in {os.getpid()}", flush=True)
        if body.get("wakes"):
            os.kill(os.getppid(), signal.SIGUSR1)
        if body.get("blocks"):
            block()
        if "dies" in body:
            await asyncio.sleep(body["dies"])
            os.kill(os.getpid(), signal.SIGKILL)
        if "ends" in body:
            await asyncio.sleep(body["ends"])
            await worker.queue_frame(EndFrame(reason=body.get("reason", "all said")))

    await run(worker)
    if body.get("crashes"):
        raise ValueError(body["crashes"])


def child(body):
    """Be the child."""
    if body.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    asyncio.run(converse(body))


def start(how, body):
    """Start a child; return what waits for it."""
    if how == "subprocess":
        return subprocess.Popen([sys.executable, __file__, json.dumps(body)], close_fds=True).wait
    if how == "os.fork":
        pid = os.fork()
        if pid == 0:
            child(body)
            os._exit(0)
        return lambda: os.waitpid(pid, 0)
    process = multiprocessing.get_context(how).Process(target=child, args=(body,))
    process.start()
    return process.join


async def bot(runner_args):
    """Hold all conversations, and leave when they are over."""
    body = runner_args.body
    woken = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, woken.set)
    waits = []
    for each in body["bots"]:
        waits.append(start(body["how"], each))
        if body.get("in_turn"):
            await asyncio.to_thread(waits[-1])
            while not Path(body["in_turn"]).exists():
                await asyncio.sleep(0.02)
    if "also_here" in body:
        await converse(body["also_here"])
    if "breaks" in body:
        await woken.wait()
        raise ValueError(body["breaks"])
    if "after" in body:
        await woken.wait()
        await asyncio.to_thread(start(body["how"], body["after"]))
        print("the one that came after is gone", flush=True)
    for wait in waits:
        await asyncio.to_thread(wait)
    if body.get("stays"):
        await asyncio.Event().wait()


if __name__ == "__main__" and Path(sys.argv[0]).name == "elsewhere.py":
    child(json.loads(sys.argv[1]))
