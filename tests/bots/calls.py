"""A caller, for a pod of its own: opens a WebSocket, says a tone, and prints how much it has heard when it is over."""

import array
import asyncio
import math
import sys

from pipecat.frames.frames import OutputAudioRawFrame
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

RATE = 8000


async def call(url):
    """Hold one call."""
    serializer = ProtobufFrameSerializer()
    tone = array.array("h", (int(8000 * math.sin(n / 3)) for n in range(RATE))).tobytes()
    async with await reached(url) as connection:
        await connection.send(await serializer.serialize(OutputAudioRawFrame(tone, RATE, 1)))
        frames = [await serializer.deserialize(message) async for message in connection]
    sound = array.array("h", b"".join(getattr(frame, "audio", b"") for frame in frames))
    print(f"heard {len(sound) / RATE} s, as loud as {max(map(abs, sound), default=0)}", flush=True)


async def reached(url):
    """Connect; a Service is known to the cluster's DNS, and its pod to each node, only a moment after it was made."""
    while True:
        try:
            return await connect(url, proxy=None, open_timeout=60)
        except OSError:
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    try:
        asyncio.run(call(sys.argv[1]))
    except InvalidStatus as refusal:
        print(f"refused {refusal.response.status_code} {refusal.response.body.decode()}", flush=True)
