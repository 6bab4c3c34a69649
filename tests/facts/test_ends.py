"""How a pipeline ends: what passes what, who is told, and what hangs."""

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import CancelFrame, EndFrame, ErrorFrame, StopFrame, TTSSpeakFrame
from pipecat.processors.frame_processor import FrameDirection

from tests.facts import ours
from tests.facts.sessions import Blackhole, Notes, PassThrough, Session, make_worker
from tests.pipecats import fact

REASON = ours.SupervisorReason("EndRequested")


@fact("an EndFrame drains the pipeline: what was queued before it, as the farewell is, comes first")
async def test_farewell_comes_before_the_end() -> None:
    notes = Notes()
    async with Session(make_worker(notes)) as session:
        await session.worker.queue_frame(TTSSpeakFrame("Goodbye!"))
        await session.worker.queue_frame(EndFrame(reason=REASON))
        await session.over()
    assert [name for name in notes.seen if name in ("TTSSpeakFrame", "EndFrame")] == ["TTSSpeakFrame", "EndFrame"]


@fact("the reason of an EndFrame, the very object, survives to `on_pipeline_finished`")
async def test_end_frame_keeps_its_reason() -> None:
    async with Session(make_worker()) as session:
        await session.worker.queue_frame(EndFrame(reason=REASON))
        frame = await session.last_frame()
    assert isinstance(frame, EndFrame)
    assert frame.reason is REASON


@fact("the reason given to `worker.cancel()`, the very object, survives to `on_pipeline_finished`")
async def test_cancel_frame_keeps_its_reason() -> None:
    async with Session(make_worker()) as session:
        await session.worker.cancel(reason=REASON)
        frame = await session.last_frame()
    assert isinstance(frame, CancelFrame)
    assert frame.reason is REASON


@fact("a StopFrame finishes the pipeline too")
async def test_stop_frame_finishes() -> None:
    async with Session(make_worker()) as session:
        await session.worker.queue_frame(StopFrame())
        assert isinstance(await session.last_frame(), StopFrame)


@fact("`worker.cancel()` without a reason, as on most hang-ups, leaves none on the CancelFrame")
async def test_cancel_without_a_reason_has_none() -> None:
    async with Session(make_worker()) as session:
        await session.worker.cancel()
        assert (await session.last_frame()).reason is None


@fact("an EndFrame that a processor swallows keeps the runner for ever, and makes `worker.cancel()` do nothing")
async def test_swallowed_end_frame_blocks_cancel() -> None:
    async with Session(make_worker(Blackhole("EndFrame"))) as session:
        await session.worker.queue_frame(EndFrame())
        await session.worker.cancel()
        assert not await session.is_over()
        assert not session.finished


@fact("a CancelFrame put into `worker.pipeline` passes a stuck EndFrame, and the runner returns")
async def test_cancel_frame_in_the_pipeline_is_the_way_out() -> None:
    async with Session(make_worker(Blackhole("EndFrame"))) as session:
        await session.worker.queue_frame(EndFrame())
        await session.worker.pipeline.queue_frame(CancelFrame(reason=REASON))
        await session.over()


@fact("`on_pipeline_finished` is not called after that")
async def test_way_out_has_no_finish() -> None:
    async with Session(make_worker(Blackhole("EndFrame"))) as session:
        await session.worker.queue_frame(EndFrame())
        await session.worker.pipeline.queue_frame(CancelFrame(reason=REASON))
        await session.over()
    assert session.finished == []


@fact("a swallowed CancelFrame is bounded by the worker's `cancel_timeout_secs`, and finishes the pipeline")
async def test_swallowed_cancel_frame_is_bounded() -> None:
    async with Session(make_worker(Blackhole("CancelFrame"), cancel_timeout_secs=0.1)) as session:
        await session.worker.cancel()
        assert isinstance(await session.last_frame(), CancelFrame)


@fact(
    "`on_pipeline_timeout` and `on_setup_timeout` exist, and the first tells of a swallowed CancelFrame",
    since="1.8",
    otherwise="`stuckAt` names no processor where a bot cancels itself; `startTimeout` ends what does not start",
)
async def test_timeouts_are_told() -> None:
    told: list[Any] = []
    worker = make_worker(Blackhole("CancelFrame"), cancel_timeout_secs=0.1)
    worker.add_event_handler("on_pipeline_timeout", lambda _worker, frame: told.append(type(frame).__name__))
    worker.add_event_handler("on_setup_timeout", lambda *_: None)
    async with Session(worker) as session:
        await session.worker.cancel()
        await session.last_frame()
    assert "on_setup_timeout" in worker._event_handlers
    assert told == ["CancelFrame"]


@fact("the runner runs on until every root worker is over")
async def test_every_root_worker_keeps_the_runner() -> None:
    async with Session(make_worker(), make_worker()) as session:
        await session.worker.queue_frame(EndFrame())
        await session.last_frame()
        assert not await session.is_over()


@fact("a task that is cancelled while it awaits `runner.run()` ends its pipelines with the reason `runner exiting`")
async def test_cancelled_runner_says_so() -> None:
    async with Session(make_worker()) as session:
        session.run.cancel()
        assert (await session.last_frame()).reason == ours.RUNNER_REASON


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@fact("a fatal ErrorFrame ends the pipeline by a CancelFrame, after `on_pipeline_error`")
async def test_fatal_error_cancels() -> None:
    errors: list[Any] = []
    last = PassThrough()
    worker = make_worker(last)
    worker.add_event_handler("on_pipeline_error", lambda _worker, frame: errors.append((frame.error, frame.fatal)))
    async with Session(worker) as session:
        await last.push_frame(ErrorFrame("refused", fatal=True), FrameDirection.UPSTREAM)
        assert isinstance(await session.last_frame(), CancelFrame)
    assert errors == [("refused", True)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@fact(
    "the reason of that CancelFrame begins with `fatal error: `",
    since="1.8",
    otherwise="it has none; the error itself is known by `on_pipeline_error`",
)
async def test_fatal_error_is_the_reason() -> None:
    last = PassThrough()
    async with Session(make_worker(last)) as session:
        await last.push_frame(ErrorFrame("refused", fatal=True), FrameDirection.UPSTREAM)
        reason = (await session.last_frame()).reason
    assert str(reason).startswith(ours.ERROR_REASONS)


@fact(
    "`ProcessorUnusablePolicy.CANCEL` ends the pipeline of an unusable processor; the reason says "
    "`can no longer do its job`",
    since="1.8",
    otherwise="there is no such policy",
)
async def test_unusable_processor_is_the_reason() -> None:
    from pipecat.pipeline.worker import ProcessorUnusablePolicy

    last = PassThrough()
    async with Session(make_worker(last, processor_unusable_policy=ProcessorUnusablePolicy.CANCEL)) as session:
        await last.push_error("the key was refused", force_treat_as_permanent=True)
        reason = (await session.last_frame()).reason
    assert ours.UNUSABLE_REASON in str(reason)


@fact(
    "a pipeline that is cancelled in `on_pipeline_started` ends, but without `on_pipeline_finished`",
    since="1.14",
    otherwise="it ends, with `on_pipeline_finished`",
)
async def test_cancel_at_the_start_ends() -> None:
    worker = make_worker()
    session = Session(worker)
    worker.add_event_handler("on_pipeline_started", lambda *_: asyncio.ensure_future(worker.cancel()))
    await session.start()
    await session.over()
    assert session.finished == []


@fact("an event handler may be a plain function")
async def test_plain_handler_is_called() -> None:
    async with Session(make_worker()) as session:
        assert session.started.is_set()


@pytest.mark.parametrize("direction", list(FrameDirection))
@fact(
    "an EndWorkerFrame and a CancelWorkerFrame, pushed either way, end the pipeline with their reason",
    since="1.4",
    otherwise="the same two are called EndTaskFrame and CancelTaskFrame",
)
async def test_worker_frames_end(direction: FrameDirection) -> None:
    from pipecat.frames.frames import CancelWorkerFrame, EndWorkerFrame

    for asks, ends in ((EndWorkerFrame, EndFrame), (CancelWorkerFrame, CancelFrame)):
        last = PassThrough()
        async with Session(make_worker(last)) as session:
            await last.push_frame(asks(reason=REASON), direction)
            frame = await session.last_frame()
        assert (type(frame), frame.reason) == (ends, REASON)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@fact("EndTaskFrame and CancelTaskFrame do the same, and are deprecated")
async def test_task_frames_end() -> None:
    from pipecat.frames.frames import CancelTaskFrame, EndTaskFrame

    for asks, ends in ((EndTaskFrame, EndFrame), (CancelTaskFrame, CancelFrame)):
        last = PassThrough()
        async with Session(make_worker(last)) as session:
            await last.push_frame(asks(reason=REASON), FrameDirection.UPSTREAM)
            frame = await session.last_frame()
        assert (type(frame), frame.reason) == (ends, REASON)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@fact("PipelineTask and PipelineRunner are a PipelineWorker and a WorkerRunner, and are deprecated")
async def test_old_classes_are_the_new_ones() -> None:
    from pipecat.pipeline.runner import PipelineRunner
    from pipecat.pipeline.task import PipelineTask
    from pipecat.pipeline.worker import PipelineWorker
    from pipecat.workers.runner import WorkerRunner

    assert issubclass(PipelineTask, PipelineWorker)
    assert issubclass(PipelineRunner, WorkerRunner)


@fact("`runner.stop_when_done()` drains, with no reason")
async def test_stop_when_done_drains() -> None:
    async with Session(make_worker()) as session:
        await session.runner.stop_when_done()
        frame = await session.last_frame()
    assert (type(frame), frame.reason) == (EndFrame, None)


@fact("a hook may have work of its own under way when the runner returns")
async def test_task_of_ours_does_not_keep_the_runner() -> None:
    own = asyncio.create_task(asyncio.Event().wait())
    async with Session(make_worker()) as session:
        await session.worker.cancel()
        await session.over()
    assert own.cancelled()
