"""Rule: what the status of a live session says about its conversation.

The counts of turns and errors change all the time, and each write of a status costs. So they wait for the next write
that has another reason. The first sound, and the first error of a processor, are such reasons.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_contract.conversation import Conversation
from botsession_operator.api.status import Status
from botsession_operator.core.observe.observed import Observed

#: How long after the client connected the first changes wait. Most conversations have had their first sound by then.
SETTLE: Final = timedelta(seconds=10)


def current(observed: Observed) -> Conversation | None:
    """Return the supervisor's account of the conversation; the recorded one while the supervisor does not answer."""
    status, snapshot = observed.session.status, observed.snapshot
    recorded = status.conversation if status else None
    return (snapshot.conversation if isinstance(snapshot, SessionSnapshot) else None) or recorded


def without_count_changes(before: Status | None, status: Status) -> Status:
    """Return the status to write: the one before, if only counts have changed."""
    if before is None or status.conversation == before.conversation or not is_only_conversation(before, status):
        return status
    return status if _significant(status.conversation) != _significant(before.conversation) else before


def is_only_conversation(before: Status, status: Status) -> bool:
    """Return whether two statuses differ in their conversation only."""
    return replace(status, conversation=before.conversation) == before


def write_due_at(before: Status | None, status: Status) -> datetime | None:
    """Return when to write a status in which only the conversation has changed; None for any other."""
    if before is None or status.started_at is None or not is_only_conversation(before, status):
        return None
    return (status.client_connected_at or status.started_at) + SETTLE


def is_silent(status: Status) -> bool:
    """Return whether a client was connected and the bot has audio, but the client never heard a sound."""
    conversation = status.conversation
    return bool(
        conversation and conversation.has_audio and status.client_connected_at and conversation.first_sound_at is None
    )


def seconds_to_first_sound(status: Status) -> float | None:
    """Return how long the first client waited for the first sound; None without a client or a sound."""
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
