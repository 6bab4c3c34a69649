"""The same bot without us: the program that a Job, or a bare process, runs beside a session.

It is what `python bot.py` would be, plus a note of three moments, the last one at the event that the runtime's hook
listens to as well.
"""

from typing import Final

_NOTE: Final = """
import time
began = time.time()
import asyncio, json, sys
import quiet
from pipecat.frames.frames import EndFrame
imported = time.time()

async def main():
    worker = quiet.make_worker()

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        moments = {"began": began, "imported": imported, "started": time.time()}
        with open(sys.argv[1], "w") as note:
            note.write(json.dumps(moments))
        if sys.argv[2:] != ["stay"]:
            await worker.queue_frame(EndFrame())

    await quiet.run(worker)

asyncio.run(main())
"""


def command(python: str, note: str, *more: str) -> list[str]:
    """Return the command line; run it in the folder of the bots. With "stay" it runs until it is killed."""
    return [python, "-c", _NOTE, note, *more]
