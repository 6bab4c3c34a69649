"""What the hook sees of a pipeline: each push of each frame, of which all but a few are ignored after one check."""

from typing import TYPE_CHECKING, Any

from .roots import Root

if TYPE_CHECKING:
    from .process_agent import Agent


def end_frames() -> tuple[type, ...]:
    """Return the frames that end a pipeline."""
    from pipecat.frames.frames import CancelFrame, EndFrame, StopFrame

    return EndFrame, StopFrame, CancelFrame


def make_observer(agent: "Agent", root: Root) -> Any:
    """Return a Pipecat observer that passes frames of a root worker on to the agent."""
    from pipecat.frames.frames import ClientConnectedFrame
    from pipecat.observers.base_observer import BaseObserver

    ending = end_frames()

    class FrameObserver(BaseObserver):
        """Ignores most frames after one check, since Pipecat calls it for every push of every frame."""

        async def on_push_frame(self, data: Any) -> None:
            frame = data.frame
            if not isinstance(frame, agent.observed_frames):
                return
            if isinstance(frame, agent.activity_frames):
                agent.activity.on_frame(frame)
            agent.on_frame(root, frame, data.source)
            if root.farewell:
                root.farewell.on_frame(frame, data.source, data.destination)
            if isinstance(frame, agent.conversation.observed_frames):
                agent.conversation.on_frame(frame, data.source, data.destination)
            if isinstance(frame, ending):
                agent.on_end_frame(root, frame, data.source, data.destination)
            elif isinstance(frame, ClientConnectedFrame):
                agent.clients.on_client_frame()

    return FrameObserver()
