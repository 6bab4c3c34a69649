"""A bot whose pipeline does not start: its first processor keeps the StartFrame."""

from quiet import PassThrough, make_worker, run


class Bouncer(PassThrough):
    """Hands on all but the StartFrame."""

    async def process_frame(self, frame, direction):
        """Keep the frame that the pipeline starts with."""
        if type(frame).__name__ == "StartFrame":
            print("the StartFrame was kept", flush=True)
        else:
            await super().process_frame(frame, direction)


async def bot(runner_args):
    """Wait for a start that does not come, longer than Pipecat would by itself."""
    await run(make_worker(Bouncer(), start_timeout_secs=3600.0))
