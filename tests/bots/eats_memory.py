"""A bot that eats memory until the kernel takes it.

`body`: {"what": "own"} eats its own; "child": a child process eats, and the bot fails without it; "supervisor": it has
made the supervisor weigh more than itself, so that the kernel takes that, and with it the container.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

from quiet import make_worker, run, settle

MEBIBYTE = 1 << 20


def eat():
    """Take memory and never give it back."""
    eaten = []
    while True:
        eaten.append(bytearray(MEBIBYTE))


async def bot(runner_args):
    """Start, then eat."""
    body = runner_args.body or {}
    worker = make_worker()
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def note(worker, frame):
        started.set()

    running = asyncio.create_task(run(worker))
    await started.wait()
    await settle()
    what = body.get("what", "own")
    if what == "supervisor":
        supervisor, own = Path("/proc/1/oom_score_adj"), Path("/proc/self/oom_score_adj")
        own.write_text(supervisor.read_text())
        supervisor.write_text("1000")
    if what != "child":
        eat()
    else:
        subprocess.run(
            [sys.executable, "-c", "import eats_memory; eats_memory.eat()"], cwd=Path(__file__).parent, check=True
        )
    await running
