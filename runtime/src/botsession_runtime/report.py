"""Rule: what is reported of a session that is over. Pure: state in, exit report out."""

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


def conclude(state: SessionState, wall: Wall, now: float) -> ExitReport:
    """Return why and how the session ended."""
    return ExitReport(
        reason=reason_of(state),
        outcome=outcome_of(state),
        finished_at=wall(now),
        frame=state.finish.frame if state.finish else None,
        message=message_of(state),
        exit_code=shell_code(state.exit.code) if state.exit else None,
        stuck_at=stuck_at(state),
        dangling_tasks=state.dangling,
        timings=timings_of(state),
        started_at=wall_time(state.started_at, wall),
        client_connected_at=wall_time(state.client_at, wall),
        ending=_final_ending(state, wall),
        client_disconnected_at=wall_time(state.left_at, wall),
        result=state.result.value,
        prompts=_prompts(state, wall),
        conversation=conversation.to_contract(state.conversation, wall),
        conversation_ended_at=wall_time(state.finish.at, wall) if state.finish else None,
        stages=tuple(map(_stage, state.stages)) or None,
    )


def _stage(stage: pipelines.Stage) -> Stage:
    return Stage(stage.name, stage.frame, round(max(stage.finished_at - stage.started_at, 0.0), 3), stage.reason)


def _prompts(state: SessionState, wall: Wall) -> Prompts | None:
    return None if state.asked_at is None else Prompts(state.prompts, wall(state.asked_at))


def reason_of(state: SessionState) -> Reason:
    """Answer why it ended. Whose frame ended the pipeline decides, not who asked first."""
    finish = state.finish
    if finish and not finish.is_ours:
        return _own_reason(state, finish)
    if began := _begun_by_bot(state):
        return _unfinished_reason(state, began)
    if state.failure or (state.crash and not finish) or _timed_out_starting(state):
        return Reason.BOT_ERROR
    if ran_out_of_memory(state):
        return Reason.OUT_OF_MEMORY
    if state.request and (finish or state.rungs) and not _died_while_ending(state):
        return reason_for(state.request.cause)
    if state.fatal_error:
        return Reason.BOT_ERROR
    if state.unwatched and state.exit and state.exit.code == 0:
        return Reason.COMPLETED
    if _was_left_while_starting(state):
        return Reason.CLIENT_DISCONNECTED
    if not state.is_over or state.started_at is None:
        return Reason.BOT_EXITED
    return Reason.BOT_CANCELLED if state.left_at is None else Reason.CLIENT_DISCONNECTED


def _begun_by_bot(state: SessionState) -> Finish | None:
    """Return the bot's own end, in the form of the finish that it did not become, where it had to be helped."""
    own, request = state.own_end, state.request
    is_first = own is not None and request is not None and (request.is_bots or own.at <= request.at)
    was_helped = any(rung.step in (Step.FORCED_CANCEL_FRAME, Step.KILL) for rung in state.rungs)
    return Finish(own.frame, own.reason, is_ours=False, at=own.at) if own and is_first and was_helped else None


def _died_while_ending(state: SessionState) -> bool:
    """Tell a process that went away before the frame came out with which the bot had begun to end by itself."""
    is_bots = state.request is not None and state.request.is_bots
    return is_bots and state.finish is None and not state.is_over


def _unfinished_reason(state: SessionState, began: Finish) -> Reason:
    """Answer why it ended where the bot's own frame never came out: nobody listens whose caller left meanwhile."""
    if state.crash and not state.finish:
        return Reason.BOT_ERROR
    own = _own_reason(state, began)
    return Reason.CLIENT_DISCONNECTED if own is Reason.COMPLETED and state.left_at is not None else own


def outcome_of(state: SessionState) -> Outcome:
    """Answer how it ended. A process that hangs after its pipeline had finished does not change how that was."""
    if state.started_at is None:
        return Outcome.NEVER_STARTED
    forced = state.rung(Step.FORCED_CANCEL_FRAME)
    if state.finish and state.finish.frame in END_FRAMES:
        return Outcome.DRAINED
    if state.finish:
        return Outcome.FORCED if forced and state.finish.is_ours else Outcome.CANCELLED
    if state.rung(Step.KILL) or ran_out_of_memory(state):
        return Outcome.KILLED
    if state.unwatched:
        return Outcome.UNWATCHED
    if state.is_over:
        # Cancelled while it was starting, or freed by the escape, a pipeline ends and Pipecat has no event for it.
        return Outcome.FORCED if forced else Outcome.CANCELLED
    return Outcome.LOST


def ran_out_of_memory(state: SessionState) -> bool:
    """Tell a bot that the kernel took for its memory: a SIGKILL that was not ours, before it was over."""
    return _was_taken_by_kernel(state) and not state.finish and not state.is_over


def message_of(state: SessionState) -> str | None:
    """Say in a sentence what the enums cannot."""
    told = (
        *_told(state),
        _silence(state),
        _broken_exit(state),
        _killed(state),
        _out_of_memory(state),
        _alone(state),
        state.advice,
        state.result.trouble,
    )
    return "; ".join(each for each in told if each) or None


def stuck_at(state: SessionState) -> str | None:
    """Name the place that kept the bot from ending: a blocked line before a processor, which may only wait for it."""
    if state.blocked_at:
        return state.blocked_at
    outcome = outcome_of(state)
    if outcome in (Outcome.FORCED, Outcome.KILLED):
        return state.end_held_by or state.cancel_held_by
    return state.cancel_held_by if state.timed_out == CANCEL_FRAME else None


def timings_of(state: SessionState) -> Timings:
    """Measure, from the supervisor's start and from the request to end."""
    asked = state.request.at if state.request else None
    drained = state.finish.at if state.finish else None
    return Timings(
        bot_imported=_since(state.began, state.imported_at),
        pipeline_started=_since(state.began, state.started_at),
        drained=_since(asked, drained),
        listening=_since(state.began, state.listening_at),
    )


def ending_of(state: SessionState, wall: Wall) -> Ending | None:
    """Return how the session was asked to end, or the bot began to end it by itself."""
    request = state.request
    if request is None:
        return None
    steps = tuple(StepTaken(rung.step, wall(rung.at)) for rung in state.rungs)
    return Ending(request.cause, Mode(request.mode), wall(request.at), steps)


def farewell_of(state: SessionState) -> Farewell | None:
    """Return what became of the farewell; None where nobody asked the session to end."""
    request = state.request
    if request is None or request.is_bots:
        return None
    if not request.farewell:
        return Farewell.NOT_CONFIGURED
    if state.own_end and state.own_end.at <= request.at:
        return Farewell.ALREADY_ENDING
    if state.farewell in _SETTLED:
        return _SETTLED[state.farewell]
    if state.rung(Step.END_FRAME) is None:
        return _never_queued(state)
    if state.finish and state.finish.is_ours and state.finish.frame in END_FRAMES:
        return _DRAINED.get(state.farewell, Farewell.NO_SOUND)
    return Farewell.CUT_SHORT


def shell_code(code: int) -> int:
    """Return an exit code the way shells and containers do: 128 + n for a signal n."""
    return code if code >= 0 else 128 - code


def _final_ending(state: SessionState, wall: Wall) -> Ending | None:
    ending = ending_of(state, wall)
    return replace(ending, farewell=farewell_of(state)) if ending else None


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


def _never_queued(state: SessionState) -> Farewell:
    # One that starts in the very moment in which it is told to leave has started too late.
    if state.started_at is None or (state.rung(Step.TERMINATE) and state.serving_at is None):
        return Farewell.NOT_STARTED
    return Farewell.ALREADY_ENDING if state.finish and not state.finish.is_ours else Farewell.IMMEDIATE


def _own_reason(state: SessionState, finish: Finish) -> Reason:
    said = finish.reason or ""
    terminated = state.rung(Step.TERMINATE)
    if terminated and terminated.at <= finish.at and state.request:
        return reason_for(state.request.cause)  # the bot handles SIGTERM itself
    if said.startswith(ERROR_REASONS) or UNUSABLE_REASON in said or _cancelled_by_error(state, finish):
        return Reason.BOT_ERROR
    if said == RUNNER_REASON and _has_failed(state):
        return Reason.BOT_ERROR  # the exception took the runner down, and the runner its pipeline
    if said == IDLE_REASON or _echoes_idle(state):
        return Reason.IDLE_TIMEOUT
    if _follows_client(state, finish):
        return Reason.CLIENT_DISCONNECTED
    if _follows_unusable(state, finish):
        return Reason.BOT_ERROR
    is_end = finish.frame in END_FRAMES or (said == RUNNER_REASON and state.runner_end is not None)
    return Reason.COMPLETED if is_end else Reason.BOT_CANCELLED


def _cancelled_by_error(state: SessionState, finish: Finish) -> bool:
    """Return whether a fatal error ended the pipeline: before Pipecat 1.8 its CancelFrame does not say so."""
    return state.fatal_error is not None and finish.frame == CANCEL_FRAME and finish.reason is None


def _has_failed(state: SessionState) -> bool:
    return state.crash is not None or bool(state.exit and state.exit.code > 0 and not state.rung(Step.TERMINATE))


def _echoes_idle(state: SessionState) -> bool:
    if state.idle_at is None or state.own_end is None:
        return False
    return 0 <= state.own_end.at - state.idle_at <= ECHO_SECONDS


def _follows_unusable(state: SessionState, finish: Finish) -> bool:
    """Tell an end because of a processor that can no longer do its job: Pipecat's EndFrame for that has no reason.

    The error and the frame are told of at about the same time, and so in either order.
    """
    if state.unusable_at is None or finish.reason is not None or finish.frame not in END_FRAMES:
        return False
    return -TURN_SECONDS <= _began_at(state, finish) - state.unusable_at <= ECHO_SECONDS


def _follows_client(state: SessionState, finish: Finish) -> bool:
    """Tell an end for want of a client. A CancelFrame may come late: what the bot has to save first takes its time."""
    if state.left_at is None:
        return False
    began = _began_at(state, finish)
    if finish.frame == CANCEL_FRAME:
        return state.left_at <= began
    return state.own_end is not None and 0 <= began - state.left_at <= ECHO_SECONDS


def _began_at(state: SessionState, finish: Finish) -> float:
    """Return when the frame was put in that ended the pipeline; when it came out, where nobody saw it before."""
    return state.own_end.at if state.own_end else finish.at


def _was_left_while_starting(state: SessionState) -> bool:
    """Tell a bot that gave up its start because its client had left, for which Pipecat has no event."""
    if state.started_at is not None or state.left_at is None or not state.is_over:
        return False
    return state.exit is None or state.exit.code == 0 or state.rung(Step.TERMINATE) is not None


def _alone(state: SessionState) -> str | None:
    if state.left_at is None or reason_of(state) is Reason.CLIENT_DISCONNECTED:
        return None
    is_later = state.own_end is not None and state.own_end.at < state.left_at
    return "the client left meanwhile" if is_later else "the client had left"


def _timed_out_starting(state: SessionState) -> bool:
    return state.started_at is None and state.timed_out is not None


def _unwatched(state: SessionState) -> str | None:
    """Say that nobody saw the pipeline, beside what became of the process where that was no good end."""
    if state.unwatched is None:
        return None
    is_told = state.exit is None or state.exit.code == 0 or state.rungs
    return state.unwatched if is_told else f"{_how_it_exited(state)}; {state.unwatched}"


def _told(state: SessionState) -> tuple[str | None, ...]:
    """Return what went wrong, and what the bot gave sys.exit(): after the end of its pipeline, or as what ended it."""
    trouble = _trouble(state)
    return (trouble, state.parting) if state.finish else (state.parting, trouble)


def _trouble(state: SessionState) -> str | None:
    if state.started_at is None and reason_of(state) is Reason.CLIENT_DISCONNECTED:
        return LEFT_WHILE_STARTING
    if state.failure:
        return state.failure
    if state.crash:
        return _late_crash(state, state.finish) if state.finish and _crashed_late(state) else state.crash
    if _timed_out_starting(state):
        what = "its processors were not set up" if state.timed_out == "setup" else "its StartFrame did not get through"
        return f"the pipeline did not start: {what} within Pipecat's own timeout"
    if state.finish:
        return _said(state, state.finish)
    if state.fatal_error and not state.rungs:
        return f"fatal error: {state.fatal_error}"
    if began := _begun_by_bot(state):
        return began.reason
    if state.is_over and state.started_at is not None:
        return None
    return _unwatched(state) or _exit_without_finish(state)


def _silence(state: SessionState) -> str | None:
    """Say what is the likely cause of a bot's silence, where that has ended the session."""
    errors = state.conversation.errors
    if reason_of(state) is not Reason.NO_SOUND or not errors:
        return None
    return f"{errors[0].processor or errors[0].kind}: {errors[0].first_message}"


def _late_crash(state: SessionState, finish: Finish) -> str:
    told = f"{state.crash}, after the pipeline had finished"
    return f"{own}; {told}" if (own := _said(state, finish)) else told


def _crashed_late(state: SessionState) -> bool:
    return state.finish is not None and reason_of(state) is not Reason.BOT_ERROR


def _said(state: SessionState, finish: Finish) -> str | None:
    """Pass on what the bot, or Pipecat, said; what we said ourselves is in the reason."""
    if finish.is_ours:
        began = _begun_by_bot(state)
        return began.reason if began else None
    if _cancelled_by_error(state, finish):
        return f"fatal error: {state.fatal_error}"
    if reason_of(state) is Reason.BOT_ERROR and _follows_unusable(state, finish):
        return state.unusable
    if finish.reason == RUNNER_REASON:
        return state.runner_end.reason if state.runner_end else None
    return None if finish.reason == IDLE_REASON else finish.reason


def _broken_exit(state: SessionState) -> str | None:
    """Tell of a process that did not survive its own way out, after its pipeline had finished."""
    if not state.finish or state.failure or state.crash or state.exit is None or state.exit.code == 0:
        return None
    is_told = state.rung(Step.KILL) or state.rung(Step.TERMINATE) or _was_taken_by_kernel(state)
    return None if is_told else f"{_how_it_exited(state)} after its pipeline had finished"


def _exit_without_finish(state: SessionState) -> str | None:
    if state.hooked_at is None:
        return _never_hooked(state)
    if state.lost_at is not None:
        when = "started" if state.started_at is None else "finished"
        return f"the process that ran the pipeline ended before the pipeline had {when}"
    if state.rungs and state.started_at is None:
        return "the pipeline had not started"
    if state.rung(Step.TERMINATE) or state.rung(Step.KILL):
        return None
    when = "before its pipeline had started" if state.started_at is None else "before its pipeline had finished"
    told = f"{_how_it_exited(state)} {when}"
    return f"{own.reason}; {told}" if (own := state.own_end) and own.reason else told


def _never_hooked(state: SessionState) -> str:
    if state.rungs and state.listening_at is not None:
        return _uncalled(state) if state.called_at is None else "the pipeline had not started"
    if _was_taken_by_kernel(state):
        return f"{_how_it_exited(state)} before its pipeline had started"
    if state.rungs and state.other_ports:
        return _uncalled(state)
    if state.has_returned and not state.cleared:
        return "the bot returned without running a Pipecat worker"
    if state.imported_at and not state.rungs and not state.cleared:
        return f"{_how_it_exited(state)} without running a Pipecat worker"
    is_importing = state.is_target and not state.imported_at
    if is_importing and state.rungs:
        return "the bot was still being imported"
    if is_importing and state.listening_at is None and not state.cleared:
        return f"{_how_it_exited(state)} while it was imported"
    if state.rungs:
        return _no_hook(state)
    if state.listening_at is not None or state.other_ports:
        return f"{_how_it_exited(state)} before its pipeline had started; {_uncalled(state)}"
    return f"{_how_it_exited(state)} and {_no_hook(state)}"


def _no_hook(state: SessionState) -> str:
    return f"Pipecat never loaded the hook: {state.cleared}" if state.cleared else NO_HOOK


def _uncalled(state: SessionState) -> str:
    if state.listens_here_alone:
        return "no caller had connected: the bot listened only on 127.0.0.1, which callers outside its pod cannot reach"
    if state.other_ports:
        return _listened_elsewhere(state)
    if state.guessed_port is None:
        return "no caller had connected"
    return f"no caller had connected to port {state.guessed_port}, on which the bot listened"


def _listened_elsewhere(state: SessionState) -> str:
    """Name the port that callers come to, and where the bot listened: it may have been meant to be the same."""
    ports = " and ".join(map(str, state.other_ports))
    told = f"port {ports}" if len(state.other_ports) == 1 else f"ports {ports}"
    if state.listening_at is None:
        return (
            f"no caller had connected: the bot listened on {told}, "
            f"but callers use port {state.asked_port} (expose.port)"
        )
    return f"no caller had connected to port {state.asked_port} (expose.port); the bot listened on {told} too"


def _how_it_exited(state: SessionState) -> str:
    if state.exit is None:
        return "the bot did not exit"
    if state.exit.code >= 0:
        return f"the bot exited with code {state.exit.code}"
    return f"the bot was ended by {_signal_name(-state.exit.code)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _killed(state: SessionState) -> str | None:
    if state.rung(Step.KILL) is None:
        return None
    if state.finish:
        return "the pipeline had finished, but the process did not exit and was killed"
    if state.request is None:
        return "the process did not exit and was killed"
    if state.request.is_bots:
        return "the bot began to end itself, did not finish and was killed"
    return "the bot did not end when it was asked to and was killed"


def _was_taken_by_kernel(state: SessionState) -> bool:
    # A shell that ran the bot passes the signal on as a code.
    was_killed = state.exit is not None and shell_code(state.exit.code) == shell_code(-signal.SIGKILL)
    return was_killed and state.rung(Step.KILL) is None and bool(state.memory and state.memory.kills)


def _out_of_memory(state: SessionState) -> str | None:
    """Tell of the kernel's kills where they took the bot, or where losing a process of its own may be why it failed."""
    if state.memory is None or not state.memory.kills:
        return None
    if _was_taken_by_kernel(state):
        return f"the kernel killed the bot for its memory: {_memory_use(state.memory)}"
    if final_phase(reason_of(state), outcome_of(state)) is Phase.SUCCEEDED:
        return None
    count = state.memory.kills
    processes = "a process" if count == 1 else f"{count} processes"
    return f"the kernel had killed {processes} of the container for memory: {_memory_use(state.memory)}"


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
