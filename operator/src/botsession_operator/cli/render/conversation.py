"""Sentences about the conversation: what the caller heard, turns and errors."""

from collections.abc import Iterator
from typing import Final

from botsession_contract.conversation import Conversation, ProcessorErrors
from botsession_contract.lifecycle import ProcessorKind
from botsession_operator.api.status import Status
from botsession_operator.core.status.conversation import is_silent, seconds_to_first_sound


def heard_by_caller(status: Status) -> Iterator[str]:
    """Yield what the caller heard, and which errors did not end the session."""
    conversation = status.conversation
    if conversation is None:
        return
    if is_silent(status):
        so_far = "" if status.finish else " so far"
        yield f"The caller heard nothing{so_far}: {_first(conversation) or 'the bot made no sound'}."
        return
    seconds = seconds_to_first_sound(status)
    if seconds is not None:
        yield f"The caller first heard the bot after {format_wait(seconds)}."
    if conversation.errors and status.started_at is None:
        first = _first(conversation)
        yield f"{first[0].upper()}{first[1:]}."
    elif conversation.errors:
        count = sum(each.count for each in conversation.errors)
        many = "1 error" if count == 1 else f"{count} errors, the first of them"
        yield f"The bot went on after {many}: {_first(conversation)}."


def facts(status: Status) -> Iterator[tuple[str, str]]:
    """Yield the facts about the conversation, as names and values."""
    conversation = status.conversation
    if conversation is None:
        return
    if is_silent(status):
        yield "Heard", "nothing"
    elif conversation.first_sound_at is not None:
        seconds = seconds_to_first_sound(status)
        yield "Heard", "the bot" if seconds is None else f"the bot, first after {format_wait(seconds)}"
    elif conversation.has_audio is False:
        yield "Heard", "the bot plays no audio"
    if conversation.bot_turns or conversation.caller_turns:
        yield "Turns", f"{conversation.bot_turns} of the bot, {conversation.caller_turns} of the caller"
    for errors in conversation.errors:
        yield "Errors", _at_length(errors)


def format_wait(seconds: float) -> str:
    """Return a caller's waiting time as text."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _first(conversation: Conversation) -> str:
    return _what(conversation.errors[0]) if conversation.errors else ""


def _what(errors: ProcessorErrors) -> str:
    verb = _FAILED.get(errors.category or "", "failed")
    message = f" ({errors.first_message.rstrip('.')})" if errors.first_message else ""
    return f"{_who(errors)} {verb}{message}"


def _who(errors: ProcessorErrors) -> str:
    if errors.processor:
        return errors.processor
    return "the bot's own code" if errors.kind is ProcessorKind.OTHER else f"its {errors.kind}"


def _at_length(errors: ProcessorErrors) -> str:
    category = f" ({errors.category})" if errors.category else ""
    first = errors.first_message or ""
    last = f"; the last: {errors.last_message}" if errors.last_message else ""
    return f"{errors.count} of {_who(errors)}{category}: {first}{last}"


#: Pipecat's categories of failures (pipecat/utils/errors.py), as what a processor did.
_FAILED: Final = {
    "connectivity": "could not connect",
    "authentication": "had its credentials rejected",
    "authorization": "was denied access",
    "invalid_request": "made a request that was refused",
    "rate_limit": "made too many requests",
    "quota": "has used up its quota",
    "server": "got an error from its provider",
}
