"""What the poller knows of one supervisor."""

import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot
from botsession_operator.core.observe.observed import NoSnapshot, Pod
from botsession_operator.core.session_key import Key
from botsession_operator.fair_queue import Priority
from botsession_operator.received_heartbeats import ReceivedHeartbeats
from botsession_operator.silent_nodes import Node

Request = EndRequest | SessionPatch
#: A starting supervisor may be silent this often: the third attempt is more than five seconds after the first.
STARTUP_TRIES: Final = 3


@dataclass(eq=False, slots=True)
class PolledSupervisor:
    """The supervisor of one pod. Times without a date are seconds of the monotonic clock."""

    key: Key
    pod: Pod
    token: str = field(repr=False)
    node: "Node[PolledSupervisor]"
    heartbeats: ReceivedHeartbeats = field(repr=False)
    answer: SessionSnapshot | None = None
    answered_at: float = 0.0
    #: When an answer first said that the end had been requested, by the operator's wall clock.
    ending_heard_at: datetime | None = None
    #: Until then a pass may use the last answer, or silence, as the present state.
    fresh_until: float = -math.inf
    #: The last answer was to an end request or to changed limits.
    is_reply: bool = False
    #: A pass ended early; another one has to start with the answer.
    is_pass_waiting: bool = False
    #: A user waits for the session's end, or a pass for the proof of silence.
    is_urgent: bool = False
    is_in_flight: bool = False
    #: What to send next; None asks for a snapshot.
    next_request: Request | None = None
    #: What was sent and is not answered yet; None is a snapshot request, or none at all.
    sent_request: Request | None = None
    #: Since the last answer: how often it was silent, and how often a retry was due.
    failures: int = 0
    tries: int = 0
    asked_at: float = 0.0
    retry_at: float = 0.0
    #: The number of events of the session, now and when the supervisor was last asked.
    events: int = 0
    events_when_asked: int = 0

    @property
    def is_silent(self) -> bool:
        """Return whether the supervisor did not answer the last request."""
        return self.failures > 0

    @property
    def has_new_events(self) -> bool:
        """Return whether the session has had an event since the supervisor was last asked."""
        return self.events > self.events_when_asked

    @property
    def proves_node_silence(self) -> bool:
        """Return whether this silence counts for the node. A supervisor that never answered may just be starting."""
        return self.answer is not None or self.tries >= STARTUP_TRIES

    @property
    def priority(self) -> Priority:
        """Return the priority of the next request. Supervisors that answer go first, since they take milliseconds."""
        if not self.is_silent and not self.node.is_silent:
            return Priority.HIGH
        return Priority.NORMAL if self.next_request or self.is_urgent or self.has_new_events else Priority.LOW

    def is_of(self, pod: Pod) -> bool:
        """Return whether this is the supervisor of the pod, at the same address and on the same node."""
        return _location(self.pod) == _location(pod)

    def state(self, now: float) -> SessionSnapshot | NoSnapshot:
        """Return the last answer with its clock moved on to now, or NoSnapshot where the supervisor is silent."""
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
