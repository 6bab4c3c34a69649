"""Sessions as the API server gives them, for what is shown to people."""

from datetime import datetime, timedelta
from typing import Any

from botsession_contract.json_codec import encode, format_time
from botsession_contract.lifecycle import Cause, Mode, Outcome, Phase, Reason, ReportedBy, Step, final_phase
from botsession_contract.report import StepTaken
from botsession_operator.api.status import EndingStatus, Finish, Status, TimingsStatus
from botsession_operator.cli.render.session_view import SessionView, read
from tests.builders import NOW, raw_session, raw_spec

Json = dict[str, Any]
CREATED = NOW


def after(seconds: float) -> datetime:
    """Return a time after the session's creation."""
    return CREATED + timedelta(seconds=seconds)


def stored(status: Status | None = None, name: str = "support-42", **spec: Any) -> Json:
    """Return a session with this status, created at NOW."""
    session = raw_session(name=name, creationTimestamp=format_time(CREATED))
    return {**session, "spec": raw_spec(**spec), **({"status": encode(status)} if status else {})}


def view(status: Status | None = None, **spec: Any) -> SessionView:
    """Return the same, read."""
    return read(stored(status, **spec))


def running(**members: Any) -> Status:
    """Return the status of a conversation that began 3 s after its creation."""
    facts: Json = {"pod_name": "support-42-pod", "node_name": "node-1", "started_at": after(3)}
    timings = TimingsStatus(scheduled=0.2, pod_started=1.0, bot_imported=2.5, pipeline_started=3.0)
    return Status(Phase.RUNNING, 1, **{**facts, "timings": timings, "deadline": after(1803), **members})


def finished(reason: Reason = Reason.COMPLETED, outcome: Outcome = Outcome.DRAINED, **members: Any) -> Status:
    """Return the status of a conversation of a minute; where somebody asked it to end, it was asked 5 s before."""
    told = {name: members.pop(name) for name in ("frame", "message", "exit_code", "stuck_at") if name in members}
    finish = Finish(reason, outcome, members.pop("reported_by", ReportedBy.RUNTIME), **told)
    if reason in {*Cause}:
        members = {"ending": asked(Cause(reason)), "ending_at": after(58), **members}
    if outcome is Outcome.NEVER_STARTED:
        members |= {"started_at": None, "deadline": None, "timings": None}
    facts = {"phase": final_phase(reason, outcome), "finished_at": after(63), "finish": finish, "duration": "1m"}
    whole: Json = {**_members(running()), **facts, **members}
    return Status(**whole)


def asked(cause: Cause, mode: Mode = Mode.GRACEFUL, *steps: Step, **members: Any) -> EndingStatus:
    """Return an ending, asked for 58 s after the creation, with a second from step to step."""
    taken = tuple(StepTaken(step, after(58 + number)) for number, step in enumerate(steps))
    return EndingStatus(cause, mode, after(58), steps[-1] if steps else None, taken, **members)


def _members(status: Status) -> Json:
    return {name: getattr(status, name) for name in Status.__dataclass_fields__}
