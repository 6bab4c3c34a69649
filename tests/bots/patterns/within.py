"""A bot that is ended by one of its processors.

`body`: {"how": "processor" | "idle" | "rtvi" | "voicemail" | "processor cancels", "keeps": frames that a processor
never hands on}
"""

import asyncio

from line import Keeper, Line, Model, PassThrough, ToneTTS, make_worker, run, scene
from pipecat.frames.frames import (
    CancelWorkerFrame,
    EndWorkerFrame,
    InputTransportMessageFrame,
    TTSSpeakFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams

DISCONNECT = {"label": "rtvi-ai", "type": "disconnect-bot", "id": "1", "data": {}}


async def bot(runner_args):
    """Wait for the caller, and end from within."""
    how = runner_args.body["how"]
    line, detector = Line(), PassThrough()
    params = LLMUserAggregatorParams(user_idle_timeout=0.5 if how == "idle" else 0)
    user, assistant = LLMContextAggregatorPair(LLMContext(), user_params=params)
    keeper = Keeper(*runner_args.body.get("keeps", ()))
    worker = make_worker(line.input(), detector, user, Model(), ToneTTS(), line.output(), keeper, assistant)

    @user.event_handler("on_user_turn_idle")
    async def idle(aggregator):
        await aggregator.push_frame(TTSSpeakFrame("You seem to be busy. Have a nice day!"))
        await aggregator.push_frame(EndWorkerFrame())

    async def play():
        await line.come()
        if how == "processor":
            await detector.push_frame(EndWorkerFrame(reason="the agent hung up"))
        elif how == "processor cancels":
            await detector.push_frame(CancelWorkerFrame(reason="a wrong number"))
        elif how == "voicemail":
            await detector.push_frame(TTSSpeakFrame("Please call me back."))
            await detector.push_frame(EndWorkerFrame())
        elif how == "rtvi":
            await worker.queue_frame(InputTransportMessageFrame(message=DISCONNECT))
        else:
            # The clock of the user's turn starts when the bot has spoken.
            await worker.queue_frame(TTSSpeakFrame("Hello there!"))
            await asyncio.sleep(0)

    scene(worker, play)
    await run(worker)
