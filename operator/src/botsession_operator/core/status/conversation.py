"""Rule: what the caller got, as the status of a session that goes on tells it.

Turns and errors that come again are news all the time, and each write of a status costs. They wait for something else
to be written; the first sound, and the first error of a processor, do not.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_contract.conversation import Conversation
from botsession_operator.api.status import Status
from botsession_operator.core.observe.observed import Observed

#: How long after a client's coming its news wait for others. Most conversations that go well are heard of by then.
SETTLE: Final = timedelta(seconds=10)


def current(observed: Observed) -> Conversation | None:
    """Return what the supervisor says of the conversation, or what is recorded while it does not answer."""
    status, control = observed.session.status, observed.control
    recorded = status.conversation if status else None
    return (control.conversation if isinstance(control, SessionSnapshot) else None) or recorded


def without_count_changes(before: Status | None, status: Status) -> Status:
    """Return the status to be written; the one before, where nothing but counts is new."""
    if before is None or not is_only_conversation(before, status):
        return status
    return status if _significant(status.conversation) != _significant(before.conversation) else before


def is_only_conversation(before: Status, status: Status) -> bool:
    """Return whether two statuses differ in nothing but in what the caller got."""
    return replace(status, conversation=before.conversation) == before


def write_due_at(before: Status | None, status: Status) -> datetime | None:
    """Return when a status is written that has nothing else that is new; None where it has."""
    if before is None or status.started_at is None or not is_only_conversation(before, status):
        return None
    return (status.client_connected_at or status.started_at) + SETTLE


def is_silent(status: Status) -> bool:
    """Return whether a client was there, and the bot, which plays audio, made no sound that it could hear."""
    conversation = status.conversation
    return bool(
        conversation and conversation.has_audio and status.client_connected_at and conversation.first_sound_at is None
    )


def seconds_to_first_sound(status: Status) -> float | None:
    """Return how long the first client waited for the first sound; None where either never came."""
    conversation = status.conversation
    if conversation is None or conversation.first_sound_at is None or status.client_connected_at is None:
        return None
    return max(0.0, (conversation.first_sound_at - status.client_connected_at).total_seconds())


def _significant(conversation: Conversation | None) -> object:
    if conversation is None:
        return None
    return (
        conversation.has_audio,
        conversation.first_sound_at,
        tuple((each.kind, each.processor) for each in conversation.errors),
    )
