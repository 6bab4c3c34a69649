"""What the caller got: when the bot made its first sound, the turns of both, and the errors of the bot's processors."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from botsession_contract.json_codec import PayloadError
from botsession_contract.lifecycle import ProcessorKind

#: Processors whose errors are recorded one by one; those of any more are counted together, as `Other`.
MAX_PROCESSORS: Final = 8
#: Counts are numbers of 32 bits in the session's status.
LARGEST_COUNT: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ProcessorErrors:
    """The errors of one processor that did not end the pipeline by themselves."""

    kind: ProcessorKind
    count: int
    #: The processor's class; absent where the error came from none.
    processor: str | None = None
    #: Pipecat's word for what kind of failure the first one was, as `connectivity`; absent before Pipecat 1.8.
    category: str | None = None
    first_message: str | None = None
    #: Absent where it is the same as the first.
    last_message: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the two sides of a conversation got of each other. Absent members are not known."""

    #: Whether the pipeline plays audio: a bot that only sends text is not silent.
    has_audio: bool | None = None
    #: When the bot first made a sound that a client could hear.
    first_sound_at: datetime | None = None
    #: How often each side began to speak.
    bot_turns: int = 0
    caller_turns: int = 0
    #: In the order in which the first of each occurred.
    errors: tuple[ProcessorErrors, ...] = ()


def check_conversation(conversation: Conversation | None) -> None:
    """Raise PayloadError for a number that no session's status may have."""
    if conversation is None:
        return
    counts = {"conversation.botTurns": conversation.bot_turns, "conversation.callerTurns": conversation.caller_turns}
    counts |= {f"conversation.errors[{index}].count": each.count for index, each in enumerate(conversation.errors)}
    for name, count in counts.items():
        if not 0 <= count <= LARGEST_COUNT:
            raise PayloadError(f"{name} must be between 0 and {LARGEST_COUNT}")
    if len(conversation.errors) > MAX_PROCESSORS + 1:
        raise PayloadError(f"conversation.errors must have at most {MAX_PROCESSORS + 1} items")
