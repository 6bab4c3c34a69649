"""Rule: how long callers can reach a session.

The operator creates the Service and the route with the pod, reads them live in each pass, and deletes them before it
records the finish, so that no caller reaches a session that is over. Without spec.expose, a pass reads neither.
"""

from dataclasses import replace
from enum import Enum, auto

from botsession_operator.core.observe.observed import Observed


class ExposureChange(Enum):
    """What the operator does with the Service and the route."""

    CREATE = auto()  # from now on callers reach the session
    DELETE = auto()  # from now on callers do not reach it


def exposure_change(observed: Observed) -> ExposureChange | None:
    """Return what to do for a session that is not over."""
    return None if observed.is_exposed or observed.session.spec.expose is None else ExposureChange.CREATE


def exposure_removal(observed: Observed) -> ExposureChange | None:
    """Return what to do for a session that is over."""
    return ExposureChange.DELETE if observed.is_exposed else None


def with_change(observed: Observed, change: ExposureChange | None) -> Observed:
    """Return the observation as it is after the change."""
    return replace(observed, is_exposed=change is ExposureChange.CREATE) if change else observed
