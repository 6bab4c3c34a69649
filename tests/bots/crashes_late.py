"""A bot that fails in the middle of its conversation. `body`: {"how": "raise" | "exit" | "leave" | "segv"}."""

import asyncio
import os
import signal

from quiet import make_worker, run, settle


async def bot(runner_args):
    """Start, then fail as told."""
    how = (runner_args.body or {}).get("how", "raise")
    worker = make_worker()
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def note(worker, frame):
        started.set()

    running = asyncio.create_task(run(worker))
    await started.wait()
    await settle()
    if how == "exit":
        os._exit(3)
    if how == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "raise":
        raise RuntimeError("lost my notes")
    if how == "leave":
        raise SystemExit("lost my notes")
    await running
