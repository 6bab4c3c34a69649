"""Rule: which limits and shutdown a supervisor must know, also after an edit of the spec."""

from dataclasses import replace
from typing import TypeVar

from botsession_contract.control import SessionPatch, SessionSnapshot
from botsession_contract.lifecycle import BotState
from botsession_contract.session_limits import IdlePrompt, SessionLimits
from botsession_contract.shutdown import Overrides
from botsession_operator.api.spec import Spec
from botsession_operator.core.decide.shutdown import overrides_to_contract, to_contract
from botsession_operator.core.observe.observed import Observed
from botsession_operator.core.observe.timeline import Timeline

T = TypeVar("T")


def session_limits(spec: Spec) -> SessionLimits:
    """Return the limits that only the supervisor can measure, and so enforces itself."""
    prompt = spec.idle.prompt
    return SessionLimits(
        join_timeout_seconds=spec.join_timeout.total_seconds(),
        idle_timeout_seconds=None if spec.idle_timeout is None else spec.idle_timeout.total_seconds(),
        idle_frames=spec.idle.frames,
        # Zero means off, as None does. An older runtime refuses a field that it does not know.
        first_sound_timeout_seconds=spec.first_sound_timeout.total_seconds() if spec.first_sound_timeout else None,
        idle_prompt=IdlePrompt(prompt.after.total_seconds(), prompt.text) if prompt else None,
    )


def patch_for_supervisor(observed: Observed, timeline: Timeline) -> SessionPatch | None:
    """Return the changes of the spec that the supervisor does not know yet; None if it knows them all.

    A field that is missing from the snapshot is left out: that runtime is too old to know it, and would refuse the
    whole request.
    """
    snapshot, deadline = observed.snapshot, timeline.deadline
    if not isinstance(snapshot, SessionSnapshot) or snapshot.state is not BotState.RUNNING:
        return None
    spec = observed.session.spec
    patch = SessionPatch(
        deadline=deadline if deadline != snapshot.deadline else None,
        limits=_changed(snapshot.limits, _limits_known_to(snapshot, session_limits(spec))),
        shutdown=_changed(snapshot.shutdown, to_contract(spec.shutdown)),
        overrides=_changed(snapshot.overrides, _overrides_known_to(snapshot, overrides_to_contract(spec.shutdown))),
    )
    return patch if patch != SessionPatch() else None


def _limits_known_to(snapshot: SessionSnapshot, desired: SessionLimits) -> SessionLimits:
    """Return the limits that a runtime knows. Without a conversation in its snapshot, it knows no firstSoundTimeout."""
    return desired if snapshot.conversation else replace(desired, first_sound_timeout_seconds=None)


def _overrides_known_to(snapshot: SessionSnapshot, desired: Overrides) -> Overrides:
    if snapshot.pipelines_finished is None:
        desired = replace(desired, bot_ended=None, bot_cancelled=None)
    return desired if snapshot.conversation else replace(desired, no_sound=None)


def _changed(reported: T | None, desired: T) -> T | None:
    return desired if reported not in (None, desired) else None
