"""What the caller got, in sentences."""

from collections.abc import Iterator
from typing import Final

from botsession_contract.conversation import Conversation, ProcessorErrors
from botsession_contract.lifecycle import ProcessorKind
from botsession_operator.api.status import Status
from botsession_operator.core.status.conversation import is_silent, seconds_to_first_sound


def heard(status: Status) -> Iterator[str]:
    """Return what the caller heard, and which errors did not end the session."""
    told = status.conversation
    if told is None:
        return
    if is_silent(status):
        so_far = "" if status.finish else " so far"
        yield f"The caller heard nothing{so_far}: {_first(told) or 'the bot made no sound'}."
        return
    seconds = seconds_to_first_sound(status)
    if seconds is not None:
        yield f"The caller first heard the bot after {wait(seconds)}."
    if told.errors and status.started_at is None:
        first = _first(told)
        yield f"{first[0].upper()}{first[1:]}."
    elif told.errors:
        count = sum(each.count for each in told.errors)
        many = "1 error" if count == 1 else f"{count} errors, the first of them"
        yield f"The bot went on after {many}: {_first(told)}."


def facts(status: Status) -> Iterator[tuple[str, str]]:
    """Return what is known of the conversation at a glance, as names and values."""
    told = status.conversation
    if told is None:
        return
    if is_silent(status):
        yield "Heard", "nothing"
    elif told.first_sound_at is not None:
        seconds = seconds_to_first_sound(status)
        yield "Heard", "the bot" if seconds is None else f"the bot, first after {wait(seconds)}"
    elif told.has_audio is False:
        yield "Heard", "the bot plays no audio"
    if told.bot_turns or told.caller_turns:
        yield "Turns", f"{told.bot_turns} of the bot, {told.caller_turns} of the caller"
    for errors in told.errors:
        yield "Errors", _at_length(errors)


def wait(seconds: float) -> str:
    """Return how long a caller waited, in words."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _first(told: Conversation) -> str:
    return _what(told.errors[0]) if told.errors else ""


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
    "authentication": "was refused its credentials",
    "authorization": "has no right to what it asked for",
    "invalid_request": "made a request that was refused",
    "rate_limit": "made too many requests",
    "quota": "has used up its quota",
    "server": "met an error of its provider",
}
