"""A bot whose time is limited by the manifest, and which gives a notice of its own before that."""
# mypy: allow-untyped-decorators

import asyncio

from line import AUDIO, ears, open_line
from parrot import Parrot
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.runner.types import RunnerArguments
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner
from services import EspeakTTSService


async def bot(runner_args: RunnerArguments) -> None:
    """Talk until one of us says goodbye, or the time is over."""
    transport = open_line(runner_args)
    worker = PipelineWorker(
        Pipeline([transport.input(), *ears(), Parrot(), EspeakTTSService(), transport.output()]),
        params=AUDIO,
        idle_timeout_secs=runner_args.pipeline_idle_timeout_secs,
    )
    notice_after = (runner_args.body or {}).get("notice_after", 60)
    has_called = asyncio.Event()

    @transport.event_handler("on_client_connected")
    async def on_client_connected(_transport: BaseTransport, _client: object) -> None:
        await worker.queue_frame(TTSSpeakFrame("hello"))
        # Do not wait in a handler: Pipecat lets each of them finish before a pipeline may end.
        has_called.set()

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(_transport: BaseTransport, _client: object) -> None:
        await worker.cancel()

    async def give_notice() -> None:
        await has_called.wait()
        await asyncio.sleep(notice_after)
        await worker.queue_frame(TTSSpeakFrame("Our time is nearly over."))
        # An EndFrame queued behind it would make this the bot's own goodbye, and the session Completed.

    runner = WorkerRunner(handle_sigint=runner_args.handle_sigint, handle_sigterm=runner_args.handle_sigterm)
    await runner.add_workers(worker)
    notice = asyncio.create_task(give_notice())
    try:
        await runner.run()
    finally:
        notice.cancel()  # the call may have ended before; left behind, it would be a dangling task
