"""A bot that says its piece and ends by itself.

`body`: {"how": "speak" | "model" | "message" | "timer" | "flow" | "stop_when_done" | "no caller", "keeps": frames that
a processor never hands on, "leaves": seconds until the caller hangs up}
"""

import asyncio

from line import Keeper, Line, Model, ToneTTS, make_worker, scene
from pipecat.flows import FlowManager
from pipecat.frames.frames import EndFrame, LLMContextFrame, OutputAudioRawFrame, TTSSpeakFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.workers.runner import WorkerRunner

SILENCE = OutputAudioRawFrame(audio=bytes(16000), sample_rate=16000, num_channels=1)


async def time_is_up(worker):
    """Be a timer of the bot's own."""
    await asyncio.sleep(0.5)
    await worker.queue_frames([TTSSpeakFrame("Time is up."), EndFrame()])


async def start_flow(line, worker, model):
    """Run a conversation of one node, which ends it."""
    pair = LLMContextAggregatorPair(LLMContext())
    flow = FlowManager(worker=worker, llm=model, context_aggregator=pair, transport=line)
    said = [{"role": "developer", "content": "say goodbye"}]
    goodbye = {"type": "end_conversation", "text": "Goodbye!"}
    await flow.initialize({"name": "end", "task_messages": said, "functions": [], "post_actions": [goodbye]})


def answer(line, worker, model, how):
    """Do what is to be done when the caller comes."""

    @line.event_handler("on_client_connected")
    async def came(_line, _client):
        if how == "speak":
            await worker.queue_frames([TTSSpeakFrame("Hello there!"), EndFrame()])
        elif how == "model":
            await worker.queue_frames([LLMContextFrame(LLMContext()), EndFrame()])
        elif how == "timer":
            worker.timer = asyncio.create_task(time_is_up(worker))
        elif how == "flow":
            await start_flow(line, worker, model)

    @line.event_handler("on_app_message")
    async def told(_line, message, _sender):
        if "playable" in message:
            await worker.queue_frames([SILENCE, TTSSpeakFrame("Hello there!"), EndFrame()])


async def bot(runner_args):
    """Speak to whoever comes, or to nobody."""
    how, leaves = runner_args.body["how"], runner_args.body.get("leaves")
    line, model, runner = Line(), Model(), WorkerRunner(handle_sigint=False)
    user, assistant = LLMContextAggregatorPair(LLMContext())
    keeper = Keeper(*runner_args.body.get("keeps", ()))
    worker = make_worker(line.input(), user, model, ToneTTS(), line.output(), keeper, assistant)
    answer(line, worker, model, how)

    async def play():
        if how == "no caller":
            await worker.queue_frames([TTSSpeakFrame("Hello there!"), EndFrame()])
            return
        await line.come()
        if how == "message":
            await line.happens("on_app_message", "playable", "caller-1")
        elif how == "stop_when_done":
            await worker.queue_frame(TTSSpeakFrame("Hello there!"))
            await runner.stop_when_done()
        if leaves is not None:
            await asyncio.sleep(leaves)
            await line.leave()

    scene(worker, play)
    await runner.add_workers(worker)
    await runner.run()
