"""A session of the API server, parsed for display."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botsession_contract.json_codec import PayloadError, decode_noting
from botsession_operator.api.status import Status
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.render.times import later, moment

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SessionView:
    """What the commands show of a session."""

    name: str
    namespace: str
    created_at: datetime
    spec: Json
    status: Status

    def since_creation(self, seconds: float | None) -> datetime | None:
        """Return the moment some seconds after the creation."""
        return None if seconds is None else later(self.created_at, seconds)


def read(session: Json) -> SessionView:
    """Parse a session; raise CliError where a newer operator has written values that this version does not know."""
    metadata, raw = session["metadata"], session.get("status") or {}
    try:
        status, words = decode_noting(Status, {"phase": "Pending", "observedGeneration": 0, **raw})
    except PayloadError as exc:
        raise _older(str(exc)) from exc
    if words:
        raise _older(", ".join(words))
    created_at = moment(metadata["creationTimestamp"])
    if created_at is None:
        raise CliError(Exit.REFUSED, f"{metadata['name']} has no valid creationTimestamp")
    return SessionView(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        created_at=created_at,
        spec=session["spec"],
        status=status,
    )


def _older(unknown: str) -> CliError:
    text = f"this botsession is older than the cluster's operator: {unknown}; botsession get -o yaml shows all"
    return CliError(Exit.REFUSED, text)
