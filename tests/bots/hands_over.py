"""A bot that hands over what it was given. `body`: anything, or {"how": ..., "result": ...}. It runs as a script too.

`how`: "twice" hands another result over first, "file" writes the file, "badly" what is no JSON, "child" has a program
of its own do it, "hangs" has to be killed afterwards. Otherwise the result is the body itself.
"""

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path

from quiet import make_worker, run, settle


def hand_over(body):
    """Do it in the way that the body says."""
    from botsession_runtime import set_result

    how = body.get("how") if isinstance(body, dict) else None
    result = body["result"] if how else body
    file = os.environ["BOTSESSION_RESULT_FILE"]
    if how == "twice":
        set_result("not this one")
    if how == "file":
        Path(file).write_text(json.dumps(result))
    elif how == "badly":
        Path(file).write_text("{")
    elif how == "child":
        subprocess.run(["sh", "-c", f"echo '{json.dumps(result)}' > $BOTSESSION_RESULT_FILE"], check=True)
    else:
        set_result(result)
    if how == "hangs":
        print("handed over", flush=True)
        time.sleep(1000)


async def converse(body):
    """Hand over when the pipeline runs, and end."""
    worker = make_worker()

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        await settle()  # the start is known by then
        hand_over(body)
        await worker.stop_when_done()

    await run(worker)


async def bot(runner_args):
    """Run as a target."""
    await converse(runner_args.body)


if __name__ == "__main__":
    asyncio.run(converse(json.loads(os.environ["BOTSESSION_BODY"])))
