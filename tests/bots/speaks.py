"""A bot that says on stdout what it would say aloud, and plays it to nobody: it has no transport.

`body`: {"client": true when a client is to connect, "seconds": how long its voice sounds; 0: it makes no sound}
"""

from pipecat.frames.frames import ClientConnectedFrame
from quiet import make_worker, run
from tts import ToneTTS


async def bot(runner_args):
    """Run until ended."""
    body = runner_args.body or {}
    voice = ToneTTS(body.get("seconds", 0.2))
    worker = make_worker(voice)

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        if body.get("client"):
            await voice.push_frame(ClientConnectedFrame())

    await run(worker)
