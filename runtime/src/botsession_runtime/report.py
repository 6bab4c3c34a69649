"""Rule: what is reported of a session that is over. Pure: facts in, exit report out."""

import signal
from collections.abc import Callable
from datetime import datetime
from typing import Final

from botsession_contract.lifecycle import Mode, Outcome, Reason, Step
from botsession_contract.report import Ending, ExitReport, StepTaken, Timings
from botsession_runtime.facts import CANCEL_FRAME, END_FRAMES, Facts, Finish

#: Reasons that Pipecat itself gives its CancelFrames (pipecat/pipeline/worker.py, pipecat/workers/runner.py).
IDLE_REASON: Final = "idle timeout"
ERROR_REASONS: Final = ("fatal error: ",)
UNUSABLE_REASON: Final = "can no longer do its job"
RUNNER_REASON: Final = "runner exiting"
#: A bot that answers on_idle_timeout with an end of its own does so at once, in seconds. Later ones are another story.
IDLE_ECHO_SECONDS: Final = 5.0

NO_HOOK: Final = (
    "Pipecat never loaded the hook: does it run a Pipecat pipeline, and is PIPECAT_SETUP_FILES passed on to it?"
)

#: Turns a monotonic time into a wall-clock time.
Wall = Callable[[float], datetime]


def conclude(facts: Facts, wall: Wall, now: float) -> ExitReport:
    """Tell why and how the session ended."""
    return ExitReport(
        reason=reason_of(facts),
        outcome=outcome_of(facts),
        finished_at=wall(now),
        frame=facts.finish.frame if facts.finish else None,
        message=message_of(facts),
        exit_code=shell_code(facts.exit.code) if facts.exit else None,
        stuck_at=stuck_at(facts),
        dangling_tasks=facts.dangling,
        timings=timings_of(facts),
        started_at=_at(facts.started_at, wall),
        client_connected_at=_at(facts.client_at, wall),
        ending=ending_of(facts, wall),
    )


def reason_of(facts: Facts) -> Reason:
    """Answer why it ended. Whose frame ended the pipeline decides, not who asked first."""
    finish = facts.finish
    if finish and not finish.is_ours:
        return _own_reason(facts, finish)
    if facts.failure or (facts.crash and not finish) or _timed_out_starting(facts):
        return Reason.BOT_ERROR
    if facts.request and (finish or facts.rungs):
        return Reason(facts.request.cause)
    if facts.fatal_error:
        return Reason.BOT_ERROR
    return Reason.BOT_CANCELLED if facts.is_over and facts.started_at is not None else Reason.BOT_EXITED


def outcome_of(facts: Facts) -> Outcome:
    """Answer how it ended. A process that hangs after its pipeline had finished does not change how that was."""
    if facts.started_at is None:
        return Outcome.NEVER_STARTED
    forced = facts.rung(Step.FORCED_CANCEL_FRAME)
    if facts.finish and facts.finish.frame in END_FRAMES:
        return Outcome.DRAINED
    if facts.finish:
        return Outcome.FORCED if forced and facts.finish.is_ours else Outcome.CANCELLED
    if facts.rung(Step.KILL):
        return Outcome.KILLED
    if facts.is_over:
        # Cancelled while it was starting, or freed by the escape, a pipeline ends and Pipecat has no event for it.
        return Outcome.FORCED if forced else Outcome.CANCELLED
    return Outcome.LOST


def message_of(facts: Facts) -> str | None:
    """Say in a sentence what the enums cannot."""
    said = [each for each in (_trouble(facts), _killed(facts), facts.advice) if each]
    return "; ".join(said) or None


def stuck_at(facts: Facts) -> str | None:
    """Name the place that kept the bot from ending: a blocked line before a processor, which may only wait for it."""
    if facts.blocked_at:
        return facts.blocked_at
    outcome = outcome_of(facts)
    if outcome in (Outcome.FORCED, Outcome.KILLED):
        return facts.end_held_by or facts.cancel_held_by
    return facts.cancel_held_by if facts.timed_out == CANCEL_FRAME else None


def timings_of(facts: Facts) -> Timings:
    """Measure, from the supervisor's start and from the request to end."""
    asked = facts.request.at if facts.request else None
    drained = facts.finish.at if facts.finish else None
    return Timings(
        bot_imported=_since(facts.began, facts.imported_at),
        pipeline_started=_since(facts.began, facts.started_at),
        drained=_since(asked, drained),
    )


def ending_of(facts: Facts, wall: Wall) -> Ending | None:
    """Tell how the session was asked to end; None where the bot ended itself."""
    request = facts.request
    if request is None:
        return None
    steps = tuple(StepTaken(rung.step, wall(rung.at)) for rung in facts.rungs)
    return Ending(request.cause, Mode(request.mode), wall(request.at), steps)


def shell_code(code: int) -> int:
    """Give an exit code the way shells and containers do: 128 + n for a signal n."""
    return code if code >= 0 else 128 - code


def _own_reason(facts: Facts, finish: Finish) -> Reason:
    said = finish.reason or ""
    if facts.rung(Step.TERMINATE) and facts.request:
        return Reason(facts.request.cause)  # the bot handles SIGTERM itself
    if said.startswith(ERROR_REASONS) or UNUSABLE_REASON in said:
        return Reason.BOT_ERROR
    if said == RUNNER_REASON and _has_failed(facts):
        return Reason.BOT_ERROR  # the exception took the runner down, and the runner its pipeline
    if said == IDLE_REASON or _echoes_idle(facts):
        return Reason.IDLE_TIMEOUT
    return Reason.COMPLETED if finish.frame in END_FRAMES else Reason.BOT_CANCELLED


def _has_failed(facts: Facts) -> bool:
    return facts.crash is not None or bool(facts.exit and facts.exit.code > 0)


def _echoes_idle(facts: Facts) -> bool:
    if facts.idle_at is None or facts.own_end_at is None:
        return False
    return 0 <= facts.own_end_at - facts.idle_at <= IDLE_ECHO_SECONDS


def _timed_out_starting(facts: Facts) -> bool:
    return facts.started_at is None and facts.timed_out is not None


def _trouble(facts: Facts) -> str | None:
    if facts.failure:
        return facts.failure
    if facts.crash:
        return f"{facts.crash}, after the pipeline had finished" if _crashed_late(facts) else facts.crash
    if _timed_out_starting(facts):
        what = "its processors were not set up" if facts.timed_out == "setup" else "its StartFrame did not get through"
        return f"the pipeline did not start: {what} within Pipecat's own timeout"
    if facts.finish:
        return _said(facts, facts.finish)
    if facts.fatal_error and not facts.rungs:
        return f"fatal error: {facts.fatal_error}"
    if facts.is_over and facts.started_at is not None:
        return None
    return _exit_without_finish(facts)


def _crashed_late(facts: Facts) -> bool:
    return facts.finish is not None and reason_of(facts) is not Reason.BOT_ERROR


def _said(facts: Facts, finish: Finish) -> str | None:
    """Pass on what the bot, or Pipecat, said; what we said ourselves is in the reason."""
    if facts.exit and facts.exit.code > 0 and not facts.rung(Step.KILL):
        return f"{_how_it_exited(facts)} after its pipeline had finished"
    return None if finish.is_ours or finish.reason == IDLE_REASON else finish.reason


def _exit_without_finish(facts: Facts) -> str | None:
    if facts.hooked_at is None:
        return _never_hooked(facts)
    if facts.rungs:
        return None if facts.started_at is not None else "the pipeline had not started"
    when = "before its pipeline had started" if facts.started_at is None else "before its pipeline had finished"
    return f"{_how_it_exited(facts)} {when}"


def _never_hooked(facts: Facts) -> str:
    if facts.has_returned:
        return "the bot returned without running a Pipecat worker"
    if facts.imported_at and not facts.rungs:
        return f"{_how_it_exited(facts)} without running a Pipecat worker"
    if facts.rungs and facts.is_target and not facts.imported_at:
        return "the bot was still being imported"
    if facts.rungs:
        return NO_HOOK
    return f"{_how_it_exited(facts)} and {NO_HOOK}"


def _how_it_exited(facts: Facts) -> str:
    if facts.exit is None:
        return "the bot did not exit"
    if facts.exit.code >= 0:
        return f"the bot exited with code {facts.exit.code}"
    return f"the bot was ended by {_signal_name(-facts.exit.code)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _killed(facts: Facts) -> str | None:
    if facts.rung(Step.KILL) is None:
        return None
    if facts.finish:
        return "the pipeline had finished, but the process did not exit and was killed"
    if facts.request is None:
        return "the process did not exit and was killed"
    return "the bot did not end when it was asked to and was killed"


def _since(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(end - start, 0.0), 3)


def _at(moment: float | None, wall: Wall) -> datetime | None:
    return None if moment is None else wall(moment)
