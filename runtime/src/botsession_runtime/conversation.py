"""What is known of what the caller got, and how an event of the bot's side changes it. Pure.

Counts come as totals, so that a message that is lost, or is read after another, costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from botsession_contract import conversation as contract
from botsession_contract.conversation import MAX_PROCESSORS, ProcessorErrors
from botsession_contract.lifecycle import ProcessorKind


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the caller got. Absent members are not known."""

    #: Whether a pipeline plays audio; None until one has started.
    has_audio: bool | None = None
    #: When the bot first made a sound that a client could hear.
    first_sound_at: float | None = None
    bot_turns: int = 0
    caller_turns: int = 0
    errors: tuple[ProcessorErrors, ...] = ()


NOTHING: Final = Conversation()


def apply_event(known: Conversation, event: dict[str, Any]) -> Conversation:
    """Return what is known with what an event says, which has been through the gate (`events`)."""
    match event["event"]:
        case "audio":
            return replace(known, has_audio=bool(known.has_audio) or event["output"])
        case "sounded":
            return replace(known, first_sound_at=known.first_sound_at or event["at"])
        case "turns":
            return replace(
                known,
                bot_turns=max(known.bot_turns, event["bot"]),
                caller_turns=max(known.caller_turns, event["caller"]),
            )
        case "errors":
            return replace(known, errors=_with_errors(known.errors, event))
    return known


def to_contract(known: Conversation, wall: Callable[[float], datetime]) -> contract.Conversation | None:
    """Return what is reported; None where nothing is known, as before the pipeline has started."""
    if known == NOTHING:
        return None
    at = None if known.first_sound_at is None else wall(known.first_sound_at)
    return contract.Conversation(known.has_audio, at, known.bot_turns, known.caller_turns, known.errors)


def _with_errors(known: tuple[ProcessorErrors, ...], event: dict[str, Any]) -> tuple[ProcessorErrors, ...]:
    kind, processor, message = ProcessorKind(event["kind"]), event["processor"], event["message"]
    for index, each in enumerate(known):
        if (each.kind, each.processor) == (kind, processor):
            last = None if message == each.first_message else message
            updated = replace(each, count=max(each.count, event["count"]), last_message=last)
            return (*known[:index], updated, *known[index + 1 :])
    # The hook counts those of more processors together, and so needs one place more.
    if len(known) > MAX_PROCESSORS:
        return known
    return (*known, ProcessorErrors(kind, event["count"], processor, event["category"], message))
