"""A bot that knows nothing of idleness: the manifest says after how much quiet the caller is asked, and then let go."""
# mypy: allow-untyped-decorators

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
    """Talk until one of us says goodbye, or the caller says nothing any more."""
    transport = open_line(runner_args)
    # A TTS service must be in the pipeline: it is what speaks the prompt and the farewell of the manifest.
    worker = PipelineWorker(
        Pipeline([transport.input(), *ears(), Parrot(), EspeakTTSService(), transport.output()]),
        params=AUDIO,
        # Where the manifest has an idleTimeout, this is it. An on_idle_timeout handler is then not called.
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
