"""A voice bot that repeats what it hears: a whole Pipecat pipeline with no account, no key and no network."""
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
    """Wait for one caller, talk until one of us says goodbye, and return."""
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
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=runner_args.handle_sigint, handle_sigterm=runner_args.handle_sigterm)
    await runner.add_workers(worker)
    await runner.run()


if __name__ == "__main__":
    arguments = RunnerArguments()
    arguments.handle_sigint = True  # Ctrl-C ends it
    asyncio.run(bot(arguments))
