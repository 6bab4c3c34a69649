"""Bots that are no plain async functions, each of which Pipecat's runner would await."""

import asyncio
import functools
import types

from pipecat.frames.frames import EndFrame
from quiet import make_worker, run


async def converse(runner_args):
    """Hold one conversation that ends at once, with what was given as its reason."""
    worker = make_worker()

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        await worker.queue_frame(EndFrame(reason=runner_args.body["reason"]))

    await run(worker)


def traced(function):
    """Decorate as a tracer does: with a plain function that returns the coroutine."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


class Agent:
    """An object that is called."""

    async def __call__(self, runner_args):
        """Converse."""
        await converse(runner_args)

    async def method(self, runner_args):
        """Converse."""
        await converse(runner_args)


class Awaitable:
    """What an instance is awaited for."""

    def __init__(self, runner_args):
        self._args = runner_args

    def __await__(self):
        return converse(self._args).__await__()


decorated = traced(converse)
instance = Agent()
method = instance.method
partial = functools.partial(lambda extra, runner_args: converse(runner_args), "extra")
awaitable = Awaitable


def task(runner_args):
    """Return a task."""
    return asyncio.ensure_future(converse(runner_args))


@types.coroutine
def generator(runner_args):
    """Be a coroutine in the old way."""
    return (yield from converse(runner_args).__await__())


async def streams(runner_args):
    """Yield, which nobody awaits."""
    yield runner_args


def plain(runner_args):
    """Return what cannot be awaited."""
    return 42


def raises(runner_args):
    """Raise before there is anything to await."""
    raise ValueError("no prompt")


number = 7
