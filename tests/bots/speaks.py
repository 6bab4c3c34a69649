"""A bot that says on stdout what it would say aloud. `body`: {"client": true} when a client is to connect."""

from pipecat.frames.frames import ClientConnectedFrame, TTSSpeakFrame
from quiet import PassThrough, make_worker, run


class Voice(PassThrough):
    """Stands in for a speech service."""

    async def process_frame(self, frame, direction):
        """Print what is to be said."""
        if isinstance(frame, TTSSpeakFrame):
            print(f"said: {frame.text}", flush=True)
        await super().process_frame(frame, direction)


async def bot(runner_args):
    """Run until ended."""
    voice = Voice()
    worker = make_worker(voice)

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        if (runner_args.body or {}).get("client"):
            await voice.push_frame(ClientConnectedFrame())

    await run(worker)
