"""A bot that ends itself. `body`: {"how": "end" | "stop" | "cancel" | "fatal" | "idle" | "fatal at start"}."""

from pipecat.frames import frames
from pipecat.frames.frames import ErrorFrame, StopFrame
from pipecat.processors.frame_processor import FrameDirection
from quiet import PassThrough, make_worker, run, settle


async def bot(runner_args):
    """Start, and end as told."""
    how = (runner_args.body or {}).get("how", "end")
    # Looked up here: that a Pipecat does not know it would be lost in a handler.
    own = {"end": "EndWorkerFrame", "cancel": "CancelWorkerFrame"}.get(how)
    frame_class = getattr(frames, own) if own else None
    last = PassThrough()
    # Up to Pipecat 1.10 it runs while the pipeline starts, and must not strike then.
    worker = make_worker(last, idle_timeout_secs=1.0 if how == "idle" else None)

    @worker.event_handler("on_pipeline_started")
    async def end(worker, frame):
        if frame_class:
            said = {"reason": "said goodbye"} if how == "end" else {}
            await last.push_frame(frame_class(**said), FrameDirection.UPSTREAM)
        elif how == "stop":
            await worker.queue_frame(StopFrame())
        elif how.startswith("fatal"):
            # At the moment of the start Pipecat has no finish event for it; a little later it has.
            if how == "fatal":
                await settle()
            await last.push_frame(ErrorFrame("the key was refused", fatal=True), FrameDirection.UPSTREAM)

    await run(worker)
