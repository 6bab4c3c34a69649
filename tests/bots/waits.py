"""A bot that waits to be let go, and ends itself then. `body`: {"gate": a named pipe; a line in it lets the bot go}."""

from pathlib import Path

from pipecat.frames.frames import EndFrame
from quiet import make_worker, run


async def bot(runner_args):
    """Wait, start and end."""
    with Path(runner_args.body["gate"]).open() as gate:
        gate.readline()
    worker = make_worker()
    await worker.queue_frame(EndFrame())
    await run(worker)
