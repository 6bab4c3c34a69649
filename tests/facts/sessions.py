"""A pipeline with its events noted, for the tests of facts. It knows nothing of us."""

import asyncio
from typing import Any, Self

from pipecat.frames.frames import CancelFrame, DataFrame, Frame
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

#: No test waits longer for anything that is to happen, in seconds.
PATIENCE = 90.0
#: How long something must not happen to be taken for what never does. A slow machine makes no test fail by it.
A_WHILE = 0.5


class PassThrough(FrameProcessor):
    """Hands every frame on."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Blackhole(PassThrough):
    """Swallows frames by their class name."""

    def __init__(self, *swallowed: str) -> None:
        super().__init__()
        self._swallowed = swallowed
        self.is_fed = asyncio.Event()

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        if type(frame).__name__ in self._swallowed:
            self.is_fed.set()
        else:
            await super().push_frame(frame, direction)


class Notes(PassThrough):
    """Hands every frame on, and keeps the names of those that came downstream."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if direction is FrameDirection.DOWNSTREAM:
            self.seen.append(type(frame).__name__)
        await super().process_frame(frame, direction)


def make_worker(*processors: FrameProcessor, **options: Any) -> PipelineWorker:
    """Build a worker as the bots of tests do."""
    return PipelineWorker(Pipeline(list(processors) or [PassThrough()]), **{"idle_timeout_secs": None, **options})


class FirstFrame(DataFrame):
    """Is the first to pass a pipeline."""


class Arrival(BaseObserver):
    """Notices that a first frame has come through: from then on a pipeline is as it will be for long."""

    def __init__(self, worker: PipelineWorker) -> None:
        super().__init__()
        self.has_come = asyncio.Event()
        self._out = worker.pipeline.processors[-1]

    async def on_push_frame(self, data: Any) -> None:
        if isinstance(data.frame, FirstFrame) and data.destination is self._out:
            self.has_come.set()


class Session:
    """A runner with its workers. The events of the first are noted."""

    def __init__(self, worker: PipelineWorker, *others: Any) -> None:
        self.worker = worker
        self.runner = WorkerRunner(handle_sigint=False)
        self.finished: list[Any] = []
        self.started = asyncio.Event()
        self.is_finished = asyncio.Event()
        self._workers = (worker, *others)
        # Plain functions, as the hook's are.
        worker.add_event_handler("on_pipeline_started", lambda *_: self.started.set())
        worker.add_event_handler("on_pipeline_finished", lambda _worker, frame: self._note(frame))

    async def __aenter__(self) -> Self:
        """Run, and wait until the pipeline is surely running: to end it while it starts is another story."""
        arrival = Arrival(self.worker)
        self.worker.add_observer(arrival)
        await self.worker.queue_frame(FirstFrame())
        await self.start()
        await asyncio.wait_for(arrival.has_come.wait(), PATIENCE)
        return self

    async def start(self) -> None:
        """Run, and wait for `on_pipeline_started`."""
        await self.runner.add_workers(*self._workers)
        self.run = asyncio.create_task(self.runner.run())
        await asyncio.wait_for(self.started.wait(), PATIENCE)

    async def __aexit__(self, *exc: object) -> None:
        if not self.run.done():
            await self.runner.cancel()
            await self.worker.pipeline.queue_frame(CancelFrame())  # in case an EndFrame is stuck
            await self.is_over()
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=A_WHILE)

    async def over(self) -> None:
        """Wait until the runner has returned."""
        await asyncio.wait_for(asyncio.shield(self.run), PATIENCE)

    async def is_over(self) -> bool:
        """Return whether the runner returns within a while."""
        done, _ = await asyncio.wait([self.run], timeout=A_WHILE)
        return bool(done)

    async def last_frame(self) -> Any:
        """Return the frame that the pipeline finished with."""
        await asyncio.wait_for(self.is_finished.wait(), PATIENCE)
        return self.finished[0]

    def _note(self, frame: Any) -> None:
        self.finished.append(frame)
        self.is_finished.set()
