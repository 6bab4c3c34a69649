"""What an event of another shard costs an operator, beside one of its own: no shard is spared the whole watch.

    python -m tests.bench.foreign_events --events 2000

This process reads the lines of a watch as the operator does. Nothing but the handling of events is measured: an own
event leads to a pass besides, and most passes to requests. Times differ from machine to machine; their ratio says how
much of the watch's cost remains however many shards there are.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Final, cast

import aiohttp

from botsession_contract.names import PLURAL
from botsession_operator.effects.watching import Collection, Watches, WatchStream
from botsession_operator.handlers import PLURALS, EventHandler, make_settings
from botsession_operator.watch_store import WatchStore
from tests.bench import figures
from tests.stored import session

SESSIONS: Final = 100
#: Some two kilobytes, as stored objects have with their managedFields.
BODY: Final = json.dumps({f"key-{number}": "v" * 20 for number in range(25)})


class Lines:
    """The lines of a watch, each a new version of one of the sessions."""

    def __init__(self, events: int) -> None:
        texts = (session(f"call-{n % SESSIONS}", BODY, resourceVersion=str(n + 1), generation=n) for n in range(events))
        self.chunks = [f'{{"type": "MODIFIED", "object": {text}}}\n'.encode() for text in texts]

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        """Yield one line at a time."""
        for chunk in self.chunks:
            yield chunk


async def cost(lines: Lines, *, is_ours: bool) -> float:
    """Return the processor seconds of an event."""
    store = WatchStore()
    handler = EventHandler(store, lambda *_: None, lambda _: None, owns=lambda _: is_ours)
    watches = Watches(handler, make_settings(), PLURALS)
    stream = WatchStream(cast("aiohttp.StreamReader", lines), Collection(PLURAL, None), watches)
    began = time.process_time()
    async for _ in stream.iter_chunked(0):
        pass
    took = time.process_time() - began
    assert len(store) == (SESSIONS if is_ours else 0)
    return took / len(lines.chunks)


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, events=2000)
    lines = Lines(options.events)
    rounds = [[asyncio.run(cost(lines, is_ours=is_ours)) for is_ours in (True, False)] for _ in range(5)]
    ours, theirs = (min(each) for each in zip(*rounds, strict=True))
    rows = [
        ["of its own shard", f"{1000 * ours:.3f} ms"],
        ["of another shard", f"{1000 * theirs:.3f} ms"],
        ["ratio", f"{theirs / ours:.2f}"],
    ]
    figures.show(f"An event of {len(lines.chunks[0])} bytes", ["", "processor time"], rows)
    figures.keep("foreign_events", {"ours": ours, "theirs": theirs})


if __name__ == "__main__":
    main()
