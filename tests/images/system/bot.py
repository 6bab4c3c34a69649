"""A bot for Pipecat's own runner: run as a program, it serves callers on port 7860."""

import asyncio
import os

from pipecat.frames.frames import EndFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.runner.types import RunnerArguments, WebSocketRunnerArguments
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner


def processors(runner_args: RunnerArguments):
    """Return the caller's transport, where somebody calls."""
    if not isinstance(runner_args, WebSocketRunnerArguments):
        return []
    params = FastAPIWebsocketParams(serializer=ProtobufFrameSerializer())
    transport = FastAPIWebsocketTransport(runner_args.websocket, params)
    return [transport.input(), transport.output()]


async def say_goodbye(worker):
    """End the conversation when it has taken CALL_SECONDS."""
    await asyncio.sleep(float(os.environ.get("CALL_SECONDS", "600")))
    await worker.queue_frame(EndFrame(reason="all said"))


async def bot(runner_args: RunnerArguments):
    """Hold a conversation."""
    worker = PipelineWorker(Pipeline(processors(runner_args)))

    runner = WorkerRunner(handle_sigint=runner_args.handle_sigint)
    await runner.add_workers(worker)
    goodbye = asyncio.create_task(say_goodbye(worker))
    await runner.run()
    goodbye.cancel()


if __name__ == "__main__":
    from pipecat.runner.run import main

    main()
