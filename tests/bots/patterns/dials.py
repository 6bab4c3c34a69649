"""A bot that dials, or is dialled, and is told by the telephone network how that went.

`body`: {"how": "nobody answers" | "callee hangs up" | "transferred" | "line fails" | "call is over"}
"""

from line import Line, ToneTTS, make_worker, run, scene
from pipecat.frames.frames import EndFrame, TTSSpeakFrame

MAX_ATTEMPTS = 3


def listen(line, worker, how):
    """Do what is to be done about each of the network's events."""
    tries = []

    @line.event_handler("on_dialout_answered")
    async def answered(_line, _data):
        if how == "transferred":
            # The caller and the operator go on without the bot.
            await worker.queue_frames([TTSSpeakFrame("I put you through."), EndFrame()])

    @line.event_handler("on_dialout_error")
    async def failed(_line, _data):
        tries.append(line)
        if len(tries) < MAX_ATTEMPTS:
            await line.happens("on_dialout_error", {})
        else:
            await worker.cancel(reason="nobody answers")

    @line.event_handler("on_dialout_stopped")
    @line.event_handler("on_dialin_stopped")
    @line.event_handler("on_dialin_error")
    async def lost(_line, _data):
        await worker.cancel()


async def bot(runner_args):
    """Make the call."""
    line = Line()
    worker = make_worker(line.input(), ToneTTS(), line.output())
    listen(line, worker, runner_args.body["how"])
    scene(worker, PLAYS[runner_args.body["how"]](line).play)
    await run(worker)


class Play:
    """What happens on the line."""

    def __init__(self, *events, comes=False, leaves=False):
        self._events, self._comes, self._leaves = events, comes, leaves

    def __call__(self, line):
        """Have it happen on this line."""
        self._line = line
        return self

    async def play(self):
        """Have the other side act."""
        if self._comes:
            await self._line.come()
        if self._leaves:
            await self._line.leave()
        for event in self._events:
            await self._line.happens(event, {})


PLAYS = {
    "nobody answers": Play("on_dialout_error"),
    "callee hangs up": Play("on_dialout_stopped", comes=True, leaves=True),
    "transferred": Play("on_dialout_answered", comes=True),
    "line fails": Play("on_dialin_error"),
    "call is over": Play("on_dialin_stopped", comes=True),
}
