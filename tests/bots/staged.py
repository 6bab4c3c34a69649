"""A bot that stays in one moment of its life for a while, so that something can be broken in it.

`body`: {"starts": seconds before the pipeline, "says": seconds that a sentence takes, "EndFrame": seconds for which
that frame is held, "CancelFrame": the same}. What happens to a frame is said on stdout, with the time: this is the
bot's own log, which outside observers compare with what was recorded.
"""

import asyncio
import time

from pipecat.frames.frames import CancelFrame, EndFrame, TTSSpeakFrame
from quiet import PassThrough, make_worker, run
from tts import ToneTTS


def tell(what):
    """Say what happens, and when."""
    print(f"{what} at {time.time():.3f}", flush=True)


class Stage(PassThrough):
    """Holds frames, and takes its time to say a sentence."""

    def __init__(self, body):
        super().__init__()
        self.holds = {
            TTSSpeakFrame: body.get("says", 0),
            EndFrame: body.get("EndFrame", 0),
            CancelFrame: body.get("CancelFrame", 0),
        }

    async def process_frame(self, frame, direction):
        """Hand on all frames, some of them late."""
        if type(frame) in self.holds:
            name = type(frame).__name__
            tell(f"took {name}")
            await asyncio.sleep(self.holds[type(frame)])
            tell(f"gave {name}")
        await super().process_frame(frame, direction)


async def bot(runner_args):
    """Run until ended."""
    body = runner_args.body or {}
    tell("took start")
    await asyncio.sleep(body.get("starts", 0))
    tell("gave start")
    await run(make_worker(Stage(body), ToneTTS()))
