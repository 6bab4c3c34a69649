"""What of our own the facts are about, from wherever the hook keeps it."""

from botsession_runtime.end_reason import ERROR_REASONS, IDLE_REASON, RUNNER_REASON, UNUSABLE_REASON
from botsession_runtime.hook.clients import Clients, transports_of
from botsession_runtime.hook.farewell import can_speak
from botsession_runtime.hook.formatting import names_of
from botsession_runtime.hook.frames import ACTIVITY_FRAMES, SupervisorReason, can_hold, frame_classes
from botsession_runtime.hook.idle import NEVER_SECONDS
from botsession_runtime.hook.tasks import managed_among

__all__ = [
    "ACTIVITY_FRAMES",
    "ERROR_REASONS",
    "IDLE_REASON",
    "NEVER_SECONDS",
    "RUNNER_REASON",
    "UNUSABLE_REASON",
    "Clients",
    "SupervisorReason",
    "can_hold",
    "can_speak",
    "frame_classes",
    "managed_among",
    "names_of",
    "transports_of",
]
