"""Root workers, the runners that run them, and how something is run in the event loop of each.

A program may run several runners, one after the other or in threads of their own.
"""

import asyncio
import contextvars
import itertools
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from .clients import has_transport
from .farewell import Farewell
from .formatting import reason_text
from .frames import Trail


class Runner:
    """A runner, and the task that runs it: workers are started below it, and so know which is theirs."""

    _numbers = itertools.count(1)

    def __init__(self, runner: Any = None) -> None:
        self.number = next(self._numbers)
        self.runner = runner
        #: Ends all workers of the runner; None where it cannot.
        self.end: Callable[..., Coroutine[Any, Any, None]] | None = getattr(runner, "end", None)
        self.loop = asyncio.get_running_loop()
        self.task = asyncio.current_task()

    def is_over(self) -> bool:
        """Return whether the task that ran the runner is done."""
        return self.task is not None and self.task.done()

    def report_end(self, send: Callable[..., None]) -> None:
        """Send an event when the bot ends the runner: by itself, or by a worker that ends the session over the bus.

        The workers are cancelled then, as "runner exiting" whatever the bot's reason was, and there is no event.
        """
        if (end := self.end) is None:
            return

        async def end_and_report(reason: Any = None) -> None:
            send("ended", reason=reason_text(reason))
            await end(reason)

        self.runner.end = end_and_report

    def has_bare_workers(self) -> bool:
        """Return whether the runner has root workers without a pipeline, which no hook sees and which may never end."""
        names = getattr(getattr(self.runner, "registry", None), "local_workers", ())
        find = getattr(self.runner, "get_worker", None)
        workers = [find(name) for name in names] if find else []
        return any(each and each.parent is None and not hasattr(each, "pipeline") for each in workers)


#: The runner below which the code at hand runs.
current_runner: contextvars.ContextVar[Runner | None] = contextvars.ContextVar("running", default=None)


class Root:
    """A root worker: one that the runner started, rather than another worker."""

    _numbers = itertools.count(1)

    def __init__(self, worker: Any, runner: Runner) -> None:
        self.number = next(self._numbers)
        self.worker = worker
        self.runner = runner
        self.has_transport = has_transport(worker.pipeline)
        self.has_end_in_flight = False
        self.has_finished = False
        #: It was set up after the session was asked to end.
        self.is_unwanted = False
        self.trails: dict[int, Trail] = {}
        self.farewell: Farewell | None = None
        #: Sends that the pipeline has started; None before it has, and once that is sent.
        self.unreported_start: Callable[[], None] | None = None

    def report_start(self) -> None:
        """Send that the pipeline has started, unless it has been sent."""
        send, self.unreported_start = self.unreported_start, None
        if send:
            send()


def run_in_loop(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]
) -> "asyncio.Task[None] | Future[None]":
    """Run something in an event loop without waiting for it, in the one that runs here or in another thread's."""
    if loop is asyncio.get_running_loop():
        return loop.create_task(work)
    try:
        return asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError:  # that loop is closed, and so is all that ran in it
        work.close()
        done: Future[None] = Future()
        done.set_result(None)
        return done


def after_iterations(iterations: int, call: Callable[[], None]) -> None:
    """Call something after so many iterations of the event loop: all that was due before has run then."""
    if iterations == 0:
        call()
    else:
        asyncio.get_running_loop().call_soon(after_iterations, iterations - 1, call)
