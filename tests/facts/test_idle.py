"""Pipecat's own idle timer, which has no public way to it: where it is, and what moves it."""

import asyncio

from pipecat.pipeline.worker import PipelineWorker

from tests.facts import ours
from tests.facts.sessions import PassThrough, Session, make_worker
from tests.pipecats import fact

LONG = 3600.0


def shorten(worker: PipelineWorker) -> None:
    """Have the idle timeout of a pipeline that runs strike soon."""
    worker._idle_timeout_secs = 0.1
    worker._idle_event.set()


@fact("the idle timeout ends the pipeline with the reason `idle timeout`, after `on_idle_timeout`")
async def test_idle_timeout_says_so() -> None:
    told = asyncio.Event()
    worker = make_worker(idle_timeout_secs=LONG)
    worker.add_event_handler("on_idle_timeout", lambda *_: told.set())
    async with Session(worker) as session:
        shorten(worker)  # only now: one that strikes while the pipeline starts is another story
        frame = await session.last_frame()
    assert told.is_set()
    assert frame.reason == ours.IDLE_REASON


@fact("a worker has `_idle_timeout_secs` and `_idle_event`, also without an idle timeout")
async def test_worker_has_an_idle_timer() -> None:
    for own in (LONG, None):
        worker = make_worker(idle_timeout_secs=own)
        assert worker._idle_timeout_secs == own
        assert isinstance(worker._idle_event, asyncio.Event)


@fact("set before the start, `_idle_timeout_secs` is the idle timeout")
async def test_idle_timeout_set_before_the_start_holds() -> None:
    worker = make_worker(idle_timeout_secs=0.1)
    worker._idle_timeout_secs = ours.NEVER_SECONDS
    async with Session(worker) as session:
        assert not await session.is_over()


@fact("set later, it holds once `_idle_event` is set, which ends the wait under way")
async def test_idle_timeout_moved_later_holds() -> None:
    worker = make_worker(idle_timeout_secs=LONG)
    async with Session(worker) as session:
        shorten(worker)
        assert (await session.last_frame()).reason == ours.IDLE_REASON


@fact("an idle timeout of None switches the timer off")
async def test_no_idle_timeout_never_strikes() -> None:
    async with Session(make_worker(PassThrough(), idle_timeout_secs=None)) as session:
        assert not await session.is_over()


@fact("the idle timeout of a helper below the conversation ends the whole runner")
async def test_helpers_idle_timeout_strikes_the_runner() -> None:
    helper = make_worker(idle_timeout_secs=0.1, name="helper")
    async with Session(make_worker(name="conversation")) as session:
        await session.worker.add_workers(helper)
        await session.over()
