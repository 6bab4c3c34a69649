"""A bot as it was written before Pipecat 1.3, with names that are deprecated since.

`body`: {"how": "EndTaskFrame" | "task.cancel" | "stop_when_done"} to end itself.
"""

from pipecat.frames.frames import EndTaskFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection
from quiet import PassThrough, settle


async def bot(runner_args):
    """Start, and end as told."""
    how = (runner_args.body or {}).get("how")
    last = PassThrough()
    task = PipelineTask(Pipeline([last]), params=PipelineParams(), idle_timeout_secs=None)
    runner = PipelineRunner(handle_sigint=runner_args.handle_sigint)

    @task.event_handler("on_pipeline_started")
    async def end(task, frame):
        await settle()  # at the very moment of the start, a cancelled pipeline finishes in another way
        if how == "EndTaskFrame":
            await last.push_frame(EndTaskFrame(), FrameDirection.UPSTREAM)
        elif how == "task.cancel":
            await task.cancel()
        elif how == "stop_when_done":
            await task.stop_when_done()

    await runner.run(task)
