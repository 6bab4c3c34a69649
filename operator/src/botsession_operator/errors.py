"""What can go wrong on the way to the cluster. `SpecError` (the user must act) lives with the spec."""

from botsession_operator.api.reasons import ObjectReason


class TransientError(Exception):
    """The same pass may go through later: it is tried again with back-off."""


class ClusterUnavailable(TransientError):
    """The API server did not answer, or answered that it cannot now."""


class WrongAnswer(ClusterUnavailable):
    """What answered did not answer the question: with another object than the one asked for, or with no list."""


class Conflict(TransientError):
    """Somebody wrote the object since it was read; nothing was changed. The pass starts anew from a fresh look."""


class RequestRefused(Exception):
    """The API server does not accept a request, and never will as it stands: waiting changes nothing."""


class StatusRefused(RequestRefused):
    """The API server does not accept a status, and never will as it stands."""


class NotOurs(Exception):
    """A pod was to be deleted or released in the name of a session that it does not belong to: a bug."""


class Refused(Exception):
    """The API server, a quota or an admission webhook does not take an object; its user must act, or wait."""

    def __init__(self, reason: ObjectReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class PodRefused(Refused):
    """The session's pod is not taken."""


class ExposureRefused(Refused):
    """The Service of the session, or its route, is not taken."""


class BudgetRefused(Refused):
    """The PodDisruptionBudget of the session's pod is not taken."""
