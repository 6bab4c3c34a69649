"""A bot whose caller may hang up at any moment: it ends at once, and still gives back what it holds."""
# mypy: allow-untyped-decorators

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from line import AUDIO, ears, open_line
from loguru import logger
from parrot import Parrot
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.runner.types import RunnerArguments
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner
from services import EspeakTTSService


@asynccontextmanager
async def customer_record(session_id: str | None) -> AsyncIterator[None]:
    """Hold something for as long as the call lasts: here a record that nobody else may edit meanwhile."""
    logger.info(f"locked the customer's record for {session_id}")
    try:
        yield
    finally:
        # Reached after an EndFrame, a cancellation and an exception alike. Only a SIGKILL leaves it out.
        logger.info(f"freed the customer's record for {session_id}")


async def bot(runner_args: RunnerArguments) -> None:
    """Talk until one of us says goodbye, or the caller is gone."""
    transport = open_line(runner_args)
    worker = PipelineWorker(
        Pipeline([transport.input(), *ears(), Parrot(), EspeakTTSService(), transport.output()]),
        params=AUDIO,
        idle_timeout_secs=runner_args.pipeline_idle_timeout_secs,
    )

    @transport.event_handler("on_client_connected")
    async def on_client_connected(_transport: BaseTransport, _client: object) -> None:
        await worker.queue_frame(TTSSpeakFrame("hello"))

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(_transport: BaseTransport, _client: object) -> None:
        # Not an EndFrame: that would speak all that is still queued, to nobody. And no clean-up here: a bot ends in
        # other ways too, in which this handler is not called.
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=runner_args.handle_sigint, handle_sigterm=runner_args.handle_sigterm)
    await runner.add_workers(worker)
    async with customer_record(runner_args.session_id):
        await runner.run()
