"""Rule: what is reported of a session that is over. Pure: facts in, exit report out."""

import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from botsession_contract.lifecycle import Farewell, Mode, Outcome, Phase, Reason, Step, final_phase, reason_for
from botsession_contract.report import Ending, ExitReport, Prompts, Stage, StepTaken, Timings
from botsession_runtime import conversation, pipelines
from botsession_runtime.memory import Memory
from botsession_runtime.pipelines import Finish
from botsession_runtime.session_state import CANCEL_FRAME, END_FRAMES, SessionState, Speech

#: Reasons that Pipecat itself gives its CancelFrames (pipecat/pipeline/worker.py, pipecat/workers/runner.py).
IDLE_REASON: Final = "idle timeout"
ERROR_REASONS: Final = ("fatal error: ",)
UNUSABLE_REASON: Final = "can no longer do its job"
RUNNER_REASON: Final = "runner exiting"
#: A bot that answers on_idle_timeout, or the leaving of its client, with an EndFrame of its own does so at once, in
#: seconds. Later ones are another story.
ECHO_SECONDS: Final = 5.0
#: An error and the frame that it brings about may be told of in either order, so far apart.
TURN_SECONDS: Final = 0.1

NO_HOOK: Final = (
    "Pipecat never loaded the hook: does it run a Pipecat pipeline, and is PIPECAT_SETUP_FILES passed on to it?"
)

LEFT_WHILE_STARTING: Final = "the client left before the pipeline had started"

#: Turns a monotonic time into a wall-clock time.
Wall = Callable[[float], datetime]


def conclude(facts: SessionState, wall: Wall, now: float) -> ExitReport:
    """Return why and how the session ended."""
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
        started_at=wall_time(facts.started_at, wall),
        client_connected_at=wall_time(facts.client_at, wall),
        ending=_final_ending(facts, wall),
        client_disconnected_at=wall_time(facts.left_at, wall),
        result=facts.result.value,
        prompts=_prompts(facts, wall),
        conversation=conversation.to_contract(facts.conversation, wall),
        conversation_ended_at=wall_time(facts.finish.at, wall) if facts.finish else None,
        stages=tuple(map(_stage, facts.stages)) or None,
    )


def _stage(stage: pipelines.Stage) -> Stage:
    return Stage(stage.name, stage.frame, round(max(stage.finished_at - stage.started_at, 0.0), 3), stage.reason)


def _prompts(facts: SessionState, wall: Wall) -> Prompts | None:
    return None if facts.asked_at is None else Prompts(facts.prompts, wall(facts.asked_at))


def reason_of(facts: SessionState) -> Reason:
    """Answer why it ended. Whose frame ended the pipeline decides, not who asked first."""
    finish = facts.finish
    if finish and not finish.is_ours:
        return _own_reason(facts, finish)
    if began := _begun_by_bot(facts):
        return _unfinished_reason(facts, began)
    if facts.failure or (facts.crash and not finish) or _timed_out_starting(facts):
        return Reason.BOT_ERROR
    if ran_out_of_memory(facts):
        return Reason.OUT_OF_MEMORY
    if facts.request and (finish or facts.rungs) and not _died_while_ending(facts):
        return reason_for(facts.request.cause)
    if facts.fatal_error:
        return Reason.BOT_ERROR
    if facts.unwatched and facts.exit and facts.exit.code == 0:
        return Reason.COMPLETED
    if _was_left_while_starting(facts):
        return Reason.CLIENT_DISCONNECTED
    if not facts.is_over or facts.started_at is None:
        return Reason.BOT_EXITED
    return Reason.BOT_CANCELLED if facts.left_at is None else Reason.CLIENT_DISCONNECTED


def _begun_by_bot(facts: SessionState) -> Finish | None:
    """Return the bot's own end, in the form of the finish that it did not become, where it had to be helped."""
    own, request = facts.own_end, facts.request
    is_first = own is not None and request is not None and (request.is_bots or own.at <= request.at)
    was_helped = any(rung.step in (Step.FORCED_CANCEL_FRAME, Step.KILL) for rung in facts.rungs)
    return Finish(own.frame, own.reason, is_ours=False, at=own.at) if own and is_first and was_helped else None


def _died_while_ending(facts: SessionState) -> bool:
    """Tell a process that went away before the frame came out with which the bot had begun to end by itself."""
    is_bots = facts.request is not None and facts.request.is_bots
    return is_bots and facts.finish is None and not facts.is_over


def _unfinished_reason(facts: SessionState, began: Finish) -> Reason:
    """Answer why it ended where the bot's own frame never came out: nobody listens whose caller left meanwhile."""
    if facts.crash and not facts.finish:
        return Reason.BOT_ERROR
    own = _own_reason(facts, began)
    return Reason.CLIENT_DISCONNECTED if own is Reason.COMPLETED and facts.left_at is not None else own


def outcome_of(facts: SessionState) -> Outcome:
    """Answer how it ended. A process that hangs after its pipeline had finished does not change how that was."""
    if facts.started_at is None:
        return Outcome.NEVER_STARTED
    forced = facts.rung(Step.FORCED_CANCEL_FRAME)
    if facts.finish and facts.finish.frame in END_FRAMES:
        return Outcome.DRAINED
    if facts.finish:
        return Outcome.FORCED if forced and facts.finish.is_ours else Outcome.CANCELLED
    if facts.rung(Step.KILL) or ran_out_of_memory(facts):
        return Outcome.KILLED
    if facts.unwatched:
        return Outcome.UNWATCHED
    if facts.is_over:
        # Cancelled while it was starting, or freed by the escape, a pipeline ends and Pipecat has no event for it.
        return Outcome.FORCED if forced else Outcome.CANCELLED
    return Outcome.LOST


def ran_out_of_memory(facts: SessionState) -> bool:
    """Tell a bot that the kernel took for its memory: a SIGKILL that was not ours, before it was over."""
    return _was_taken_by_kernel(facts) and not facts.finish and not facts.is_over


def message_of(facts: SessionState) -> str | None:
    """Say in a sentence what the enums cannot."""
    told = (
        *_told(facts),
        _silence(facts),
        _broken_exit(facts),
        _killed(facts),
        _out_of_memory(facts),
        _alone(facts),
        facts.advice,
        facts.result.trouble,
    )
    return "; ".join(each for each in told if each) or None


def stuck_at(facts: SessionState) -> str | None:
    """Name the place that kept the bot from ending: a blocked line before a processor, which may only wait for it."""
    if facts.blocked_at:
        return facts.blocked_at
    outcome = outcome_of(facts)
    if outcome in (Outcome.FORCED, Outcome.KILLED):
        return facts.end_held_by or facts.cancel_held_by
    return facts.cancel_held_by if facts.timed_out == CANCEL_FRAME else None


def timings_of(facts: SessionState) -> Timings:
    """Measure, from the supervisor's start and from the request to end."""
    asked = facts.request.at if facts.request else None
    drained = facts.finish.at if facts.finish else None
    return Timings(
        bot_imported=_since(facts.began, facts.imported_at),
        pipeline_started=_since(facts.began, facts.started_at),
        drained=_since(asked, drained),
        listening=_since(facts.began, facts.listening_at),
    )


def ending_of(facts: SessionState, wall: Wall) -> Ending | None:
    """Return how the session was asked to end, or the bot began to end it by itself."""
    request = facts.request
    if request is None:
        return None
    steps = tuple(StepTaken(rung.step, wall(rung.at)) for rung in facts.rungs)
    return Ending(request.cause, Mode(request.mode), wall(request.at), steps)


def farewell_of(facts: SessionState) -> Farewell | None:
    """Return what became of the farewell; None where nobody asked the session to end."""
    request = facts.request
    if request is None or request.is_bots:
        return None
    if not request.farewell:
        return Farewell.NOT_CONFIGURED
    if facts.own_end and facts.own_end.at <= request.at:
        return Farewell.ALREADY_ENDING
    if facts.farewell in _SETTLED:
        return _SETTLED[facts.farewell]
    if facts.rung(Step.END_FRAME) is None:
        return _never_queued(facts)
    if facts.finish and facts.finish.is_ours and facts.finish.frame in END_FRAMES:
        return _DRAINED.get(facts.farewell, Farewell.NO_SOUND)
    return Farewell.CUT_SHORT


def shell_code(code: int) -> int:
    """Return an exit code the way shells and containers do: 128 + n for a signal n."""
    return code if code >= 0 else 128 - code


def _final_ending(facts: SessionState, wall: Wall) -> Ending | None:
    ending = ending_of(facts, wall)
    return replace(ending, farewell=farewell_of(facts)) if ending else None


#: What is settled before the pipeline ends.
_SETTLED: Final[dict[Speech | Farewell | None, Farewell]] = {
    Speech.SPOKEN: Farewell.SPOKEN,
    Speech.INTERRUPTED: Farewell.INTERRUPTED,
    Speech.SILENT: Farewell.NO_SOUND,
    Farewell.NO_CLIENT: Farewell.NO_CLIENT,
    Farewell.CLIENT_GONE: Farewell.CLIENT_GONE,
    Farewell.NO_TTS: Farewell.NO_TTS,
    Farewell.ALREADY_ENDING: Farewell.ALREADY_ENDING,
}
#: What it comes to that our EndFrame, which was queued behind the farewell, has come out of the pipeline.
_DRAINED: Final[dict[Speech | Farewell | None, Farewell]] = {
    Speech.SPEAKING: Farewell.SPOKEN,
    Speech.VOICED: Farewell.SYNTHESIZED,
}


def _never_queued(facts: SessionState) -> Farewell:
    # One that starts in the very moment in which it is told to leave has started too late.
    if facts.started_at is None or (facts.rung(Step.TERMINATE) and facts.serving_at is None):
        return Farewell.NOT_STARTED
    return Farewell.ALREADY_ENDING if facts.finish and not facts.finish.is_ours else Farewell.IMMEDIATE


def _own_reason(facts: SessionState, finish: Finish) -> Reason:
    said = finish.reason or ""
    terminated = facts.rung(Step.TERMINATE)
    if terminated and terminated.at <= finish.at and facts.request:
        return reason_for(facts.request.cause)  # the bot handles SIGTERM itself
    if said.startswith(ERROR_REASONS) or UNUSABLE_REASON in said or _cancelled_by_error(facts, finish):
        return Reason.BOT_ERROR
    if said == RUNNER_REASON and _has_failed(facts):
        return Reason.BOT_ERROR  # the exception took the runner down, and the runner its pipeline
    if said == IDLE_REASON or _echoes_idle(facts):
        return Reason.IDLE_TIMEOUT
    if _follows_client(facts, finish):
        return Reason.CLIENT_DISCONNECTED
    if _follows_unusable(facts, finish):
        return Reason.BOT_ERROR
    is_end = finish.frame in END_FRAMES or (said == RUNNER_REASON and facts.runner_end is not None)
    return Reason.COMPLETED if is_end else Reason.BOT_CANCELLED


def _cancelled_by_error(facts: SessionState, finish: Finish) -> bool:
    """Return whether a fatal error ended the pipeline: before Pipecat 1.8 its CancelFrame does not say so."""
    return facts.fatal_error is not None and finish.frame == CANCEL_FRAME and finish.reason is None


def _has_failed(facts: SessionState) -> bool:
    return facts.crash is not None or bool(facts.exit and facts.exit.code > 0 and not facts.rung(Step.TERMINATE))


def _echoes_idle(facts: SessionState) -> bool:
    if facts.idle_at is None or facts.own_end is None:
        return False
    return 0 <= facts.own_end.at - facts.idle_at <= ECHO_SECONDS


def _follows_unusable(facts: SessionState, finish: Finish) -> bool:
    """Tell an end because of a processor that can no longer do its job: Pipecat's EndFrame for that has no reason.

    The error and the frame are told of at about the same time, and so in either order.
    """
    if facts.unusable_at is None or finish.reason is not None or finish.frame not in END_FRAMES:
        return False
    return -TURN_SECONDS <= _began_at(facts, finish) - facts.unusable_at <= ECHO_SECONDS


def _follows_client(facts: SessionState, finish: Finish) -> bool:
    """Tell an end for want of a client. A CancelFrame may come late: what the bot has to save first takes its time."""
    if facts.left_at is None:
        return False
    began = _began_at(facts, finish)
    if finish.frame == CANCEL_FRAME:
        return facts.left_at <= began
    return facts.own_end is not None and 0 <= began - facts.left_at <= ECHO_SECONDS


def _began_at(facts: SessionState, finish: Finish) -> float:
    """Return when the frame was put in that ended the pipeline; when it came out, where nobody saw it before."""
    return facts.own_end.at if facts.own_end else finish.at


def _was_left_while_starting(facts: SessionState) -> bool:
    """Tell a bot that gave up its start because its client had left, for which Pipecat has no event."""
    if facts.started_at is not None or facts.left_at is None or not facts.is_over:
        return False
    return facts.exit is None or facts.exit.code == 0 or facts.rung(Step.TERMINATE) is not None


def _alone(facts: SessionState) -> str | None:
    if facts.left_at is None or reason_of(facts) is Reason.CLIENT_DISCONNECTED:
        return None
    is_later = facts.own_end is not None and facts.own_end.at < facts.left_at
    return "the client left meanwhile" if is_later else "the client had left"


def _timed_out_starting(facts: SessionState) -> bool:
    return facts.started_at is None and facts.timed_out is not None


def _unwatched(facts: SessionState) -> str | None:
    """Say that nobody saw the pipeline, beside what became of the process where that was no good end."""
    if facts.unwatched is None:
        return None
    is_told = facts.exit is None or facts.exit.code == 0 or facts.rungs
    return facts.unwatched if is_told else f"{_how_it_exited(facts)}; {facts.unwatched}"


def _told(facts: SessionState) -> tuple[str | None, ...]:
    """Return what went wrong, and what the bot gave sys.exit(): after the end of its pipeline, or as what ended it."""
    trouble = _trouble(facts)
    return (trouble, facts.parting) if facts.finish else (facts.parting, trouble)


def _trouble(facts: SessionState) -> str | None:
    if facts.started_at is None and reason_of(facts) is Reason.CLIENT_DISCONNECTED:
        return LEFT_WHILE_STARTING
    if facts.failure:
        return facts.failure
    if facts.crash:
        return _late_crash(facts, facts.finish) if facts.finish and _crashed_late(facts) else facts.crash
    if _timed_out_starting(facts):
        what = "its processors were not set up" if facts.timed_out == "setup" else "its StartFrame did not get through"
        return f"the pipeline did not start: {what} within Pipecat's own timeout"
    if facts.finish:
        return _said(facts, facts.finish)
    if facts.fatal_error and not facts.rungs:
        return f"fatal error: {facts.fatal_error}"
    if began := _begun_by_bot(facts):
        return began.reason
    if facts.is_over and facts.started_at is not None:
        return None
    return _unwatched(facts) or _exit_without_finish(facts)


def _silence(facts: SessionState) -> str | None:
    """Say what is the likely cause of a bot's silence, where that has ended the session."""
    errors = facts.conversation.errors
    if reason_of(facts) is not Reason.NO_SOUND or not errors:
        return None
    return f"{errors[0].processor or errors[0].kind}: {errors[0].first_message}"


def _late_crash(facts: SessionState, finish: Finish) -> str:
    told = f"{facts.crash}, after the pipeline had finished"
    return f"{own}; {told}" if (own := _said(facts, finish)) else told


def _crashed_late(facts: SessionState) -> bool:
    return facts.finish is not None and reason_of(facts) is not Reason.BOT_ERROR


def _said(facts: SessionState, finish: Finish) -> str | None:
    """Pass on what the bot, or Pipecat, said; what we said ourselves is in the reason."""
    if finish.is_ours:
        began = _begun_by_bot(facts)
        return began.reason if began else None
    if _cancelled_by_error(facts, finish):
        return f"fatal error: {facts.fatal_error}"
    if reason_of(facts) is Reason.BOT_ERROR and _follows_unusable(facts, finish):
        return facts.unusable
    if finish.reason == RUNNER_REASON:
        return facts.runner_end.reason if facts.runner_end else None
    return None if finish.reason == IDLE_REASON else finish.reason


def _broken_exit(facts: SessionState) -> str | None:
    """Tell of a process that did not survive its own way out, after its pipeline had finished."""
    if not facts.finish or facts.failure or facts.crash or facts.exit is None or facts.exit.code == 0:
        return None
    is_told = facts.rung(Step.KILL) or facts.rung(Step.TERMINATE) or _was_taken_by_kernel(facts)
    return None if is_told else f"{_how_it_exited(facts)} after its pipeline had finished"


def _exit_without_finish(facts: SessionState) -> str | None:
    if facts.hooked_at is None:
        return _never_hooked(facts)
    if facts.lost_at is not None:
        when = "started" if facts.started_at is None else "finished"
        return f"the process that ran the pipeline ended before that had {when}"
    if facts.rungs and facts.started_at is None:
        return "the pipeline had not started"
    if facts.rung(Step.TERMINATE) or facts.rung(Step.KILL):
        return None
    when = "before its pipeline had started" if facts.started_at is None else "before its pipeline had finished"
    told = f"{_how_it_exited(facts)} {when}"
    return f"{own.reason}; {told}" if (own := facts.own_end) and own.reason else told


def _never_hooked(facts: SessionState) -> str:
    if facts.rungs and facts.listening_at is not None:
        return _uncalled(facts) if facts.called_at is None else "the pipeline had not started"
    if _was_taken_by_kernel(facts):
        return f"{_how_it_exited(facts)} before its pipeline had started"
    if facts.rungs and facts.other_ports:
        return _uncalled(facts)
    if facts.has_returned and not facts.cleared:
        return "the bot returned without running a Pipecat worker"
    if facts.imported_at and not facts.rungs and not facts.cleared:
        return f"{_how_it_exited(facts)} without running a Pipecat worker"
    is_importing = facts.is_target and not facts.imported_at
    if is_importing and facts.rungs:
        return "the bot was still being imported"
    if is_importing and facts.listening_at is None and not facts.cleared:
        return f"{_how_it_exited(facts)} while it was imported"
    if facts.rungs:
        return _no_hook(facts)
    if facts.listening_at is not None or facts.other_ports:
        return f"{_how_it_exited(facts)} before its pipeline had started; {_uncalled(facts)}"
    return f"{_how_it_exited(facts)} and {_no_hook(facts)}"


def _no_hook(facts: SessionState) -> str:
    return f"Pipecat never loaded the hook: {facts.cleared}" if facts.cleared else NO_HOOK


def _uncalled(facts: SessionState) -> str:
    if facts.listens_here_alone:
        return "nobody had called: the bot listened on 127.0.0.1 alone, which no caller outside of its pod reaches"
    if facts.other_ports:
        return _listened_elsewhere(facts)
    if facts.guessed_port is None:
        return "nobody had called"
    return f"nobody had called port {facts.guessed_port}, on which the bot listened"


def _listened_elsewhere(facts: SessionState) -> str:
    """Name the port that callers come to, and where the bot listened: it may have been meant to be the same."""
    ports = " and ".join(map(str, facts.other_ports))
    told = f"port {ports}" if len(facts.other_ports) == 1 else f"ports {ports}"
    if facts.listening_at is None:
        return (
            f"nobody had called: the bot listened on {told}, and callers come to port {facts.asked_port} (expose.port)"
        )
    return f"nobody had called port {facts.asked_port} (expose.port); the bot listened on {told} too"


def _how_it_exited(facts: SessionState) -> str:
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


def _killed(facts: SessionState) -> str | None:
    if facts.rung(Step.KILL) is None:
        return None
    if facts.finish:
        return "the pipeline had finished, but the process did not exit and was killed"
    if facts.request is None:
        return "the process did not exit and was killed"
    if facts.request.is_bots:
        return "the bot began to end itself, did not come to the end and was killed"
    return "the bot did not end when it was asked to and was killed"


def _was_taken_by_kernel(facts: SessionState) -> bool:
    # A shell that ran the bot passes the signal on as a code.
    was_killed = facts.exit is not None and shell_code(facts.exit.code) == shell_code(-signal.SIGKILL)
    return was_killed and facts.rung(Step.KILL) is None and bool(facts.memory and facts.memory.kills)


def _out_of_memory(facts: SessionState) -> str | None:
    """Tell of the kernel's kills where they took the bot, or where losing a process of its own may be why it failed."""
    if facts.memory is None or not facts.memory.kills:
        return None
    if _was_taken_by_kernel(facts):
        return f"the kernel killed the bot for its memory: {_memory_use(facts.memory)}"
    if final_phase(reason_of(facts), outcome_of(facts)) is Phase.SUCCEEDED:
        return None
    count = facts.memory.kills
    processes = "a process" if count == 1 else f"{count} processes"
    return f"the kernel had killed {processes} of the container for memory: {_memory_use(facts.memory)}"


def _memory_use(use: Memory) -> str:
    limit = "has no limit" if use.limit is None else f"has a limit of {_mebibytes(use.limit)}"
    return f"the container {limit}" + ("" if use.peak is None else f" and used at most {_mebibytes(use.peak)}")


def _mebibytes(amount: int) -> str:
    return f"{amount / (1 << 20):.0f} MiB"


def _since(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(end - start, 0.0), 3)


def wall_time(moment: float | None, wall: Wall) -> datetime | None:
    """Turn a monotonic time into a wall-clock time, where there is one."""
    return None if moment is None else wall(moment)
