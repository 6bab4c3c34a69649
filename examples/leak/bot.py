"""A bot that leaves tasks behind, and one that does not: `body` chooses between the two processors."""
# mypy: allow-untyped-decorators, allow-untyped-calls

import asyncio
from typing import Final

from line import AUDIO, ears, open_line
from loguru import logger
from parrot import Parrot
from pipecat.frames.frames import Frame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
from pipecat.runner.types import RunnerArguments
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner
from services import EspeakTTSService


class PassThrough(FrameProcessor):
    """Let every frame pass."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Push each frame on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


async def poll_orders() -> None:
    """Ask again and again whether the caller's order has arrived."""
    while True:
        await asyncio.sleep(5)
        logger.debug("no news of the order")


async def keep_connection_alive() -> None:
    """Send a ping again and again."""
    while True:
        await asyncio.sleep(5)
        logger.debug("the shop still answers")


class LeakyOrders(PassThrough):
    """Follow the caller's order in the background, and forget about it."""

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as all of Pipecat's own do
        """Start both tasks. No method of this class ends them."""
        await super().setup(setup)
        # Pipecat keeps a list of these and warns of what is left, but who has begun a task must end it.
        self._polling = self.create_task(poll_orders())
        # Pipecat does not know of this one at all.
        self._pinging = asyncio.create_task(keep_connection_alive())


class TidyOrders(PassThrough):
    """Follow the caller's order in the background, for as long as the call lasts."""

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as all of Pipecat's own do
        """Start both tasks, both through Pipecat."""
        await super().setup(setup)
        self._tasks = [self.create_task(poll_orders()), self.create_task(keep_connection_alive())]

    async def cleanup(self) -> None:
        """End them. Pipecat calls this in every ending; who looks out for EndFrame and CancelFrame misses some."""
        await super().cleanup()
        for task in self._tasks:
            await self.cancel_task(task)


ORDERS: Final = {"leaky": LeakyOrders, "tidy": TidyOrders}


async def bot(runner_args: RunnerArguments) -> None:
    """Talk until one of us says goodbye."""
    transport = open_line(runner_args)
    body = runner_args.body or {}
    orders = ORDERS[body.get("orders", "leaky")]()
    worker = PipelineWorker(
        Pipeline([transport.input(), *ears(), Parrot(), orders, EspeakTTSService(), transport.output()]),
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
