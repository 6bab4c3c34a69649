"""A bot with two pipelines in one runner, none of which has a transport: the first one hands over, the second talks on.

`body`: {"talks": whether the second one makes sound}
"""

import asyncio

from pipecat.frames.frames import EndFrame, OutputAudioRawFrame
from quiet import make_worker, run, settle

SOUND = b"\1\2" * 160


async def bot(runner_args):
    """Run both, the first until it has handed over."""
    first, second = make_worker(name="greeter"), make_worker(name="expert")

    @first.event_handler("on_pipeline_started")
    async def hand_over(_worker, _frame):
        await settle()
        await first.queue_frame(EndFrame(reason="handed over"))

    async def talk():
        while True:
            await second.queue_frame(OutputAudioRawFrame(audio=SOUND, sample_rate=16000, num_channels=1))
            await asyncio.sleep(0.1)

    talking = asyncio.create_task(talk()) if runner_args.body["talks"] else None
    await run(first, second)
    if talking:
        talking.cancel()
