"""What the bots of this folder are made of: a line without a network, a model that has learnt its part, a voice.

The line stands for any transport: it plays sound in real time, and says that somebody came and left, as Daily does.
"""

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.append(str(Path(__file__).parents[1]))
from pipecat.frames.frames import LLMContextFrame, LLMFullResponseEndFrame, LLMFullResponseStartFrame, LLMTextFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.llm_service import FunctionCallFromLLM, LLMService
from pipecat.services.settings import LLMSettings
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from quiet import PassThrough, make_worker, run, settle
from tts import RATE, ToneTTS

__all__ = ["Keeper", "Line", "Model", "PassThrough", "ToneTTS", "make_worker", "run", "scene", "settle"]

EVENTS = (
    "on_client_connected",
    "on_client_disconnected",
    "on_first_participant_joined",
    "on_participant_left",
    "on_call_state_updated",
    "on_disconnected",
    "on_app_message",
    "on_dialin_stopped",
    "on_dialin_error",
    "on_dialout_answered",
    "on_dialout_stopped",
    "on_dialout_error",
)
CALLER = {"id": "caller-1", "info": {"userId": "customer"}}


class Ear(BaseInputTransport):
    """The line's input; nothing is heard on it."""

    def __init__(self, line, params):
        super().__init__(params)
        self._transport = line


class Mouth(BaseOutputTransport):
    """The line's output: a frame of sound takes as long as it sounds."""

    def __init__(self, line, params):
        super().__init__(params)
        self._transport = line

    async def start(self, frame):
        """Be ready at once."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame):
        """Play it."""
        await asyncio.sleep(len(frame.audio) / 2 / frame.sample_rate)
        return True


class Line(BaseTransport):
    """A line to one caller."""

    def __init__(self):
        super().__init__()
        # Pipecat's two seconds of silence at the end are not what is tried here.
        params = TransportParams(
            audio_in_enabled=True, audio_out_enabled=True, audio_out_sample_rate=RATE, audio_out_end_silence_secs=0
        )
        self._ear, self._mouth = Ear(self, params), Mouth(self, params)
        for event in EVENTS:
            self._register_event_handler(event)

    def input(self):
        """Return what hears."""
        return self._ear

    def output(self):
        """Return what speaks."""
        return self._mouth

    async def happens(self, event, *facts):
        """Call the handlers of an event."""
        print(event, flush=True)
        await self._call_event_handler(event, *facts)

    async def come(self):
        """Have the caller join."""
        await self.happens("on_client_connected", CALLER)
        await self.happens("on_first_participant_joined", CALLER)

    async def leave(self):
        """Have the caller hang up."""
        await self.happens("on_participant_left", CALLER, "leftCall")
        await self.happens("on_client_disconnected", CALLER)


class Model(LLMService):
    """Answers each context with one sentence, and calls the tool that it is told to call."""

    # It asks nobody. Pipecat's default imports OpenAI's package, which takes a second.
    adapter_class = SimpleNamespace

    def __init__(self):
        super().__init__(settings=LLMSettings(model="scripted"))

    async def process_frame(self, frame, direction):
        """Answer."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        for part in (LLMFullResponseStartFrame(), LLMTextFrame("Hello there."), LLMFullResponseEndFrame()):
            await self.push_frame(part)

    async def call(self, name):
        """Call a tool."""
        called = FunctionCallFromLLM(function_name=name, tool_call_id="1", arguments={}, context=LLMContext([]))
        await self.run_function_calls([called])


class Keeper(PassThrough):
    """Never hands on the frames of these classes, by name."""

    def __init__(self, *names):
        super().__init__()
        self._names = names

    async def push_frame(self, frame, *args, **kwargs):
        """Hand on all others."""
        if type(frame).__name__ in self._names:
            print(f"kept {type(frame).__name__}", flush=True)
        else:
            await super().push_frame(frame, *args, **kwargs)


def scene(worker, play):
    """Have `play` run beside the pipeline as soon as that has started."""
    acts = []

    async def act():
        await settle()
        await play()

    @worker.event_handler("on_pipeline_started")
    async def started(_worker, _frame):
        acts.append(asyncio.create_task(act()))
