"""A bot that ends because something goes wrong.

`body`: {"how": "unusable, end" | "unusable, cancel" | "unusable, continue" | "fatal" | "idle" | "idle, handled" |
"heartbeats" | "raises", "keeps": frames that a processor never hands on}
"""

import asyncio

from line import Keeper, Line, ToneTTS, make_worker, run, scene
from pipecat.frames.frames import EndFrame, TTSSpeakFrame
from pipecat.pipeline.worker import PipelineParams, ProcessorUnusablePolicy

POLICIES = {
    "unusable, end": ProcessorUnusablePolicy.END,
    "unusable, cancel": ProcessorUnusablePolicy.CANCEL,
}


async def bot(runner_args):
    """Talk until it goes wrong."""
    how = runner_args.body["how"]
    line, voice = Line(), ToneTTS()
    keeper = Keeper(*runner_args.body.get("keeps", ()), *(["HeartbeatFrame"] if how == "heartbeats" else []))
    worker = make_worker(
        line.input(),
        voice,
        line.output(),
        keeper,
        processor_unusable_policy=POLICIES.get(how, ProcessorUnusablePolicy.CONTINUE),
        idle_timeout_secs=0.5 if how.startswith("idle") else None,
        cancel_on_idle_timeout=how == "idle",
        params=PipelineParams(
            enable_heartbeats=how == "heartbeats", heartbeats_period_secs=0.1, heartbeats_monitor_secs=0.5
        ),
    )

    @worker.event_handler("on_idle_timeout")
    async def idle(_worker):
        if how == "idle, handled":
            await worker.queue_frames([TTSSpeakFrame("Are you still there?"), EndFrame()])

    @worker.event_handler("on_heartbeat_timeout")
    async def stalled(_worker):
        await worker.cancel(reason="the pipeline is stalled")

    async def play():
        await line.come()
        if how.startswith("unusable"):
            await voice.push_error("the key was refused", force_treat_as_permanent=True)
        elif how == "fatal":
            await voice.push_error("the key was refused", fatal=True)
        if how == "unusable, continue":
            await asyncio.sleep(0.5)
            await line.leave()

    @line.event_handler("on_client_disconnected")
    async def left(_line, _client):
        await worker.cancel()

    scene(worker, play)
    await run(worker)
    if how == "raises":
        raise RuntimeError("unreachable")
