"""A caller without a microphone: say sentences to a voice bot, record its answers, tell what was understood.

Run it from a shell (`python client.py --say hello --say goodbye`), or call `converse` from a test.
"""
# mypy: disable-error-code="import-not-found"

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from loguru import logger
from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from recording import CHUNK_BYTES, CHUNK_SECS, Recording, Utterance
from speech import SAMPLE_RATE, SpeechError, read_wav, synthesise
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

BOT_DONE_SECS: Final = 1.0  # quiet for so long, the bot has said all it wanted to
NO_GREETING_SECS: Final = 3.0  # a bot that says nothing for so long is waiting for the caller
NO_ANSWER_SECS: Final = 8.0  # a bot that says nothing for so long did not understand
POLL_SECS: Final = 0.05
RETRY_SECS: Final = 0.25

Line = str | Path  # a text to speak, or a WAV file to play
Report = Callable[[float, str, str], None]  # seconds into the call, what happened, to what


class ClosedBy(StrEnum):
    """Who ended the call."""

    BOT = "bot"
    CLIENT = "client"  # it hung up, as it was told to
    TIMEOUT = "timeout"  # the client too, but because the call took too long


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that a caller knows when the call is over."""

    utterances: tuple[Utterance, ...]
    seconds: float
    closed_by: ClosedBy
    recording: Path | None = None

    @property
    def heard(self) -> tuple[str, ...]:
        """Return the phrases that were understood, in the order they were said."""
        return tuple(said.text for said in self.utterances if said.text)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "heard": list(self.heard),
            "utterances": [
                {"text": said.text, "start": round(said.start_secs, 2), "end": round(said.end_secs, 2)}
                for said in self.utterances
            ],
            "seconds": round(self.seconds, 2),
            "recording": str(self.recording) if self.recording else None,
            "closed_by": self.closed_by.value,
        }


def say_nothing(_secs: float, _event: str, _detail: str) -> None:
    """Report to nobody."""


class Call:
    """One open call: a microphone that never stops, an ear, and sentences to say."""

    def __init__(self, connection: ClientConnection, report: Report) -> None:
        self.recording = Recording()
        self._connection = connection
        self._report = report
        self._serializer = ProtobufFrameSerializer()
        self._unsaid: asyncio.Queue[bytes] = asyncio.Queue()  # in chunks

    async def hold(self, sentences: Sequence[tuple[Line, bytes]], seconds: float | None) -> bool:
        """Talk and listen until the bot hangs up (true), or that many seconds have passed (false)."""
        async with asyncio.TaskGroup() as group:
            mouth = [group.create_task(self._run_microphone()), group.create_task(self._say(sentences))]
            bot_hung_up = await self._listen(seconds)
            for task in mouth:
                task.cancel()
        return bot_hung_up

    async def _listen(self, seconds: float | None) -> bool:
        try:
            async with asyncio.timeout(seconds):
                async for message in self._connection:
                    frame = await self._serializer.deserialize(message)
                    if isinstance(frame, InputAudioRawFrame):
                        self.recording.hear(frame.audio)
        except TimeoutError:
            return False
        except ConnectionClosed:  # without a closing handshake: the bot died
            return True
        return True

    async def _run_microphone(self) -> None:
        """Send what there is to say, or silence: as a real microphone, one chunk each 20 ms, whatever happens."""
        next_at = time.monotonic()
        while True:
            speaking = not self._unsaid.empty()
            chunk = self._unsaid.get_nowait() if speaking else bytes(CHUNK_BYTES)
            payload = await self._serializer.serialize(OutputAudioRawFrame(chunk, SAMPLE_RATE, 1))
            try:
                await self._connection.send(payload or b"")
            except ConnectionClosed:
                return  # the listener sees it too, and ends the call
            if speaking:
                self._unsaid.task_done()
            next_at += CHUNK_SECS
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))

    async def _say(self, sentences: Sequence[tuple[Line, bytes]]) -> None:
        patience_secs = NO_GREETING_SECS
        for line, pcm in sentences:
            await self._wait_for_bot(patience_secs)
            self._report(self.recording.elapsed(), "said", str(line))
            for start in range(0, len(pcm), CHUNK_BYTES):
                self._unsaid.put_nowait(pcm[start : start + CHUNK_BYTES])
            await self._unsaid.join()
            patience_secs = NO_ANSWER_SECS

    async def _wait_for_bot(self, patience_secs: float) -> None:
        """Wait until the bot has spoken since now and is quiet again; give up where it never speaks."""
        since = self.recording.elapsed()
        while True:
            spoke_at = self.recording.voice_at or 0.0
            quiet_secs = self.recording.elapsed() - max(since, spoke_at)
            if quiet_secs > (BOT_DONE_SECS if spoke_at > since else patience_secs):
                return
            await asyncio.sleep(POLL_SECS)


async def converse(
    url: str,
    say: Sequence[Line] = (),
    *,
    record: Path | None = None,
    timeout: float | None = 60.0,
    hang_up_after: float | None = None,
    connect_timeout: float = 30.0,
    report: Report = say_nothing,
) -> Conversation:
    """Hold one call and return what was heard.

    Each sentence waits for the answer to the one before. `timeout` and `hang_up_after` count seconds since the
    connection was made; without either, the call lasts until the bot ends it.
    """
    sentences = [(line, await (synthesise(line) if isinstance(line, str) else read_wav(line))) for line in say]
    limits = [limit for limit in (hang_up_after, timeout) if limit is not None]
    async with await dial(url, connect_timeout) as connection:
        call = Call(connection, report)
        report(0.0, "connected", url)
        bot_hung_up = await call.hold(sentences, min(limits, default=None))
        seconds = call.recording.elapsed()
    closed_by = ClosedBy.BOT if bot_hung_up else ClosedBy.TIMEOUT
    if not bot_hung_up and hang_up_after is not None and hang_up_after == min(limits):
        closed_by = ClosedBy.CLIENT
    report(seconds, "closed", closed_by)
    if record is not None:
        call.recording.write(record)
    utterances = await asyncio.to_thread(call.recording.understand)
    return Conversation(utterances, seconds, closed_by, record)


async def dial(url: str, timeout: float) -> ClientConnection:
    """Connect, trying again while nobody listens: a bot takes seconds to import Pipecat."""
    give_up_at = time.monotonic() + timeout
    while True:
        try:
            return await connect(url, proxy=None)
        except (OSError, InvalidHandshake):
            if time.monotonic() > give_up_at:
                raise
        await asyncio.sleep(RETRY_SECS)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://127.0.0.1:8765")
    parser.add_argument("--say", dest="lines", action="append", default=[], help="a sentence; may be given again")
    parser.add_argument("--wav", dest="lines", action="append", type=Path, help="a recorded sentence instead")
    parser.add_argument("--record", type=Path, help="where to save what the bot said, as WAV")
    parser.add_argument("--transcript", type=Path, help="where to save the result, as JSON")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds the call may take (%(default)s)")
    parser.add_argument("--stay", action="store_true", help="no time-out: stay until the bot ends the call")
    parser.add_argument("--hang-up-after", type=float, metavar="SECONDS", help="seconds into the call")
    parser.add_argument("--connect-timeout", type=float, default=30.0, help="seconds to keep trying (%(default)s)")
    parser.add_argument("--json", action="store_true", help="events as JSON lines")
    return parser.parse_args()


def print_json(secs: float, event: str, detail: str) -> None:
    """Report an event to a program."""
    print(json.dumps({"at": round(secs, 2), "event": event, "detail": detail}), flush=True)


def print_text(secs: float, event: str, detail: str) -> None:
    """Report an event to a person."""
    print(f"{secs:7.2f} s  {event:9}  {detail}", flush=True)


async def main() -> int:
    """Hold the call the command line asks for; succeed if anything was understood."""
    options = parse_arguments()
    logger.disable("pipecat")  # its log would tell each message of the call
    report = print_json if options.json else print_text
    conversation = await converse(
        options.url,
        options.lines,
        record=options.record,
        timeout=None if options.stay else options.timeout,
        hang_up_after=options.hang_up_after,
        connect_timeout=options.connect_timeout,
        report=report,
    )
    for said in conversation.utterances:
        report(said.start_secs, "heard", said.text or "(not understood)")
    result = json.dumps(conversation.to_json())
    if options.transcript:
        options.transcript.write_text(result + "\n")
    print(result)
    return 0 if conversation.heard else 1


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except (OSError, InvalidHandshake, SpeechError) as exc:
        sys.exit(f"no call was possible: {exc}")
