"""Errors of requests to the API server. `SpecError`, on which the user must act, is in `api/spec.py`."""

from datetime import timedelta

from botsession_operator.api.reasons import ObjectReason


class TransientError(Exception):
    """The same pass may succeed later; it is retried with back-off."""

    #: The server asked to wait at least this long.
    retry_after: timedelta = timedelta()


class ClusterUnavailable(TransientError):
    """The API server did not answer, or asked to come back later."""

    def __init__(self, message: str, retry_after: timedelta = timedelta()) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WrongAnswer(ClusterUnavailable):
    """The answer does not fit the request: another object than the requested one, or no list."""


class Conflict(TransientError):
    """The object was written since it was read, so nothing was changed. The next pass reads it again."""


class LeaseLost(TransientError):
    """This operator may no longer write, since another one may be the leader. That one does the rest."""


class RequestRefused(Exception):
    """The API server refuses a request, and a retry would be refused too."""


class StatusRefused(RequestRefused):
    """The API server refuses a status, and a retry would be refused too."""


class NotOurs(Exception):
    """A bug: a pass tried to delete or release a pod that does not belong to its session."""


class Refused(Exception):
    """The API server, a quota or an admission webhook refuses an object. The user must act, or wait."""

    def __init__(self, reason: ObjectReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class PodRefused(Refused):
    """The session's pod is refused."""


class ExposureRefused(Refused):
    """The session's Service or route is refused."""


class BudgetRefused(Refused):
    """The PodDisruptionBudget of the session's pod is refused."""
