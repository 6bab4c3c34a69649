"""A bot that leaves a process behind, in a session of its own. `body`: {"pid_file": path}."""

import subprocess
from pathlib import Path

from pipecat.frames.frames import EndFrame
from quiet import make_worker, run


async def bot(runner_args):
    """Start something that nothing ends, then end."""
    orphan = subprocess.Popen(["sleep", "600"], start_new_session=True)
    Path(runner_args.body["pid_file"]).write_text(str(orphan.pid))
    worker = make_worker()
    await worker.queue_frame(EndFrame())
    await run(worker)
