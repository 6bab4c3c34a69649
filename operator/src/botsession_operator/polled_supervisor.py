"""One supervisor that is asked, and what is known of it."""

import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot
from botsession_operator.core.observe.observed import NoSnapshot, Pod
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.silent_nodes import Node

Request = EndRequest | SessionPatch
#: So often a supervisor may be silent that starts: the third time is more than five seconds after the first.
STARTUP_TRIES: Final = 3


@dataclass(eq=False, slots=True)
class PolledSupervisor:
    """The supervisor of one pod. Times are seconds of the monotonic clock."""

    key: Key
    pod: Pod
    token: str = field(repr=False)
    node: "Node[PolledSupervisor]"
    answer: SessionSnapshot | None = None
    answered_at: float = 0.0
    #: When it first said that it had been asked to end, by the wall clock.
    ending_heard_at: datetime | None = None
    #: Until then a pass may take the last answer, or silence, for the present state.
    fresh_until: float = -math.inf
    #: The last answer was to a request.
    is_reply: bool = False
    #: A pass has ended early, and another one is to come with the answer.
    is_pass_waiting: bool = False
    #: A user waits for the session's end, or a pass for the proof that nobody answers.
    is_urgent: bool = False
    is_in_flight: bool = False
    #: What it is sent next; None is the question how it is.
    next_request: Request | None = None
    #: What it has been sent, and has not answered yet.
    sent_request: Request | None = None
    #: How often it was silent since it last answered, and how often it was due to be asked.
    failures: int = 0
    tries: int = 0
    asked_at: float = 0.0
    retry_at: float = 0.0
    #: How much has happened to the session, and how much of it the last question came after.
    events: int = 0
    events_when_asked: int = 0

    @property
    def is_silent(self) -> bool:
        """Return whether it did not answer when it was last asked."""
        return self.failures > 0

    @property
    def has_new_events(self) -> bool:
        """Return whether something has happened to the session since the supervisor was asked."""
        return self.events > self.events_when_asked

    @property
    def proves_node_silence(self) -> bool:
        """Return whether its silence says something of its node. One that has never answered may just be starting."""
        return self.answer is not None or self.tries >= STARTUP_TRIES

    @property
    def priority(self) -> Priority:
        """Return how soon it is to be asked: those that will answer go first, and are done at once."""
        if not self.is_silent and not self.node.is_silent:
            return Priority.HIGH
        return Priority.NORMAL if self.next_request or self.is_urgent or self.has_new_events else Priority.LOW

    def is_of(self, pod: Pod) -> bool:
        """Return whether this is the supervisor of this very pod, reached where it was asked."""
        return _location(self.pod) == _location(pod)

    def state(self, now: float) -> SessionSnapshot | NoSnapshot:
        """Return the last answer as if it were given now: the supervisor's clock has gone on."""
        if self.is_silent:
            return NoSnapshot.UNREACHABLE
        if self.answer is None:
            return NoSnapshot.NOT_ASKED
        try:
            return replace(self.answer, now=self.answer.now + timedelta(seconds=max(0.0, now - self.answered_at)))
        except OverflowError:  # a clock at the end of the calendar
            return self.answer


def _location(pod: Pod) -> tuple[object, ...]:
    return (pod.uid, pod.address, pod.node_name)
