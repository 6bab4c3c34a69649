"""The parrot's brain, where other bots have their LLM."""

from pipecat.frames.frames import EndWorkerFrame, Frame, TranscriptionFrame, TTSSpeakFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor


class Parrot(FrameProcessor):
    """Stand where other bots have their LLM: say back what was heard, and end the call at "goodbye"."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer each transcription, and let every frame pass."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            await self._answer(frame.text)

    async def _answer(self, heard: str) -> None:
        if heard != "goodbye":
            await self.push_frame(TTSSpeakFrame(f"you said {heard}"))
            return
        await self.push_frame(TTSSpeakFrame("goodbye"))
        # Downstream, so that it arrives behind the goodbye and the caller hears all of it.
        await self.push_frame(EndWorkerFrame(reason="the caller said goodbye"))
