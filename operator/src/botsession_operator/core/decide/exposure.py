"""Rule: for how long callers can reach a session.

Its Service and its route are made with its pod, looked for live in each pass, and go before the finish is recorded:
no caller is sent to a session that is over. A session without spec.expose costs no look.
"""

from dataclasses import replace
from enum import Enum, auto

from botsession_operator.core.observe.observed import Observed


class ExposureChange(Enum):
    """What becomes of the Service and the route."""

    CREATE = auto()  # from now on callers are let in
    DELETE = auto()  # from now on none is


def exposure_change(observed: Observed) -> ExposureChange | None:
    """Return what a session needs that is not over."""
    return None if observed.is_exposed or observed.session.spec.expose is None else ExposureChange.CREATE


def exposure_removal(observed: Observed) -> ExposureChange | None:
    """Return what it needs once it is over."""
    return ExposureChange.DELETE if observed.is_exposed else None


def with_change(observed: Observed, change: ExposureChange | None) -> Observed:
    """Return what is known once the change has been made."""
    return replace(observed, is_exposed=change is ExposureChange.CREATE) if change else observed
