"""Rule: the sentence of a report that says what its enums cannot. Pure."""

import signal
from typing import Final

from botsession_contract.lifecycle import Phase, Reason, Step, final_phase
from botsession_runtime.end_reason import (
    IDLE_REASON,
    RUNNER_REASON,
    follows_unusable_processor,
    helped_own_end,
    outcome_of,
    reason_of,
    timed_out_starting,
    was_cancelled_by_error,
    was_killed_by_kernel,
)
from botsession_runtime.memory import Memory
from botsession_runtime.pipelines import Finish
from botsession_runtime.session_state import SessionState

NO_HOOK: Final = (
    "Pipecat never loaded the hook: does it run a Pipecat pipeline, and is PIPECAT_SETUP_FILES passed on to it?"
)
RETURNED_WITHOUT_WORKER: Final = "the bot returned without running a Pipecat worker"
LEFT_WHILE_STARTING: Final = "the client left before the pipeline had started"


def message_of(state: SessionState) -> str | None:
    """Return the sentence that says what the reason and the outcome cannot; None if there is nothing to add."""
    sentences = (
        *_failures(state),
        _likely_cause_of_silence(state),
        _failed_exit(state),
        _kill(state),
        _memory_kills(state),
        _client_left(state),
        state.advice,
        state.result.trouble,
    )
    return "; ".join(each for each in sentences if each) or None


def _failures(state: SessionState) -> tuple[str | None, ...]:
    """Return what went wrong and the sentence given to sys.exit(), in the order in which they happened."""
    trouble = _failure(state)
    return (trouble, state.exit_sentence) if state.finish else (state.exit_sentence, trouble)


def _failure(state: SessionState) -> str | None:
    if state.started_at is None and reason_of(state) is Reason.CLIENT_DISCONNECTED:
        return LEFT_WHILE_STARTING
    if state.failure:
        return state.failure
    if state.crash:
        return _late_crash(state, state.finish) if state.finish and _crashed_late(state) else state.crash
    if timed_out_starting(state):
        what = "its processors were not set up" if state.timed_out == "setup" else "its StartFrame did not get through"
        return f"the pipeline did not start: {what} within Pipecat's own timeout"
    if state.finish:
        return _stated_reason(state, state.finish)
    if state.fatal_error and not state.rungs:
        return f"fatal error: {state.fatal_error}"
    if began := helped_own_end(state):
        return began.reason
    if state.is_over and state.started_at is not None:
        return None
    return _unwatched(state) or _exit_without_finish(state)


def _late_crash(state: SessionState, finish: Finish) -> str:
    crash = f"{state.crash}, after the pipeline had finished"
    return f"{own}; {crash}" if (own := _stated_reason(state, finish)) else crash


def _crashed_late(state: SessionState) -> bool:
    return state.finish is not None and reason_of(state) is not Reason.BOT_ERROR


def _stated_reason(state: SessionState, finish: Finish) -> str | None:
    """Return the reason that the bot or Pipecat gave the frame. The supervisor's own is in the report's `reason`."""
    if finish.is_ours:
        began = helped_own_end(state)
        return began.reason if began else None
    if was_cancelled_by_error(state, finish):
        return f"fatal error: {state.fatal_error}"
    if reason_of(state) is Reason.BOT_ERROR and follows_unusable_processor(state, finish):
        return state.unusable
    if finish.reason == RUNNER_REASON:
        return state.runner_end.reason if state.runner_end else None
    return None if finish.reason == IDLE_REASON else finish.reason


def _likely_cause_of_silence(state: SessionState) -> str | None:
    """Return the first error of a processor, if the session ended because the bot made no sound."""
    errors = state.conversation.errors
    if reason_of(state) is not Reason.NO_SOUND or not errors:
        return None
    return f"{errors[0].processor or errors[0].kind}: {errors[0].first_message}"


def _client_left(state: SessionState) -> str | None:
    if state.left_at is None or reason_of(state) is Reason.CLIENT_DISCONNECTED:
        return None
    is_later = state.own_end is not None and state.own_end.at < state.left_at
    return "the client left meanwhile" if is_later else "the client had left"


def _failed_exit(state: SessionState) -> str | None:
    """Return how the process failed after its pipeline had finished, if nothing else in the message says it."""
    if not state.finish or state.failure or state.crash or state.exit is None or state.exit.code == 0:
        return None
    is_explained = state.rung(Step.KILL) or state.rung(Step.TERMINATE) or was_killed_by_kernel(state)
    return None if is_explained else f"{_how_it_exited(state)} after its pipeline had finished"


def _unwatched(state: SessionState) -> str | None:
    """Return why the hook could not watch the pipeline, after the exit code of a process that failed by itself."""
    if state.unwatched is None:
        return None
    is_explained = state.exit is None or state.exit.code == 0 or state.rungs
    return state.unwatched if is_explained else f"{_how_it_exited(state)}; {state.unwatched}"


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
    how = f"{_how_it_exited(state)} {when}"
    return f"{own.reason}; {how}" if (own := state.own_end) and own.reason else how


def _never_hooked(state: SessionState) -> str:
    """Return why Pipecat never loaded the hook; asked to end, the bot may not have come that far."""
    return _never_hooked_when_asked(state) if state.rungs else _never_hooked_by_itself(state)


def _never_hooked_when_asked(state: SessionState) -> str:
    if state.listening_at is not None:
        return _no_caller(state) if state.called_at is None else "the pipeline had not started"
    if was_killed_by_kernel(state):
        return f"{_how_it_exited(state)} before its pipeline had started"
    if state.other_ports:
        return _no_caller(state)
    if state.has_returned and not state.cleared:
        return RETURNED_WITHOUT_WORKER
    return "the bot was still being imported" if _is_importing(state) else _no_hook(state)


def _never_hooked_by_itself(state: SessionState) -> str:
    how = _how_it_exited(state)
    if was_killed_by_kernel(state):
        return f"{how} before its pipeline had started"
    if state.has_returned and not state.cleared:
        return RETURNED_WITHOUT_WORKER
    if state.imported_at and not state.cleared:
        return f"{how} without running a Pipecat worker"
    if _is_importing(state) and state.listening_at is None and not state.cleared:
        return f"{how} while it was imported"
    if state.listening_at is not None or state.other_ports:
        return f"{how} before its pipeline had started; {_no_caller(state)}"
    return f"{how} and {_no_hook(state)}"


def _is_importing(state: SessionState) -> bool:
    return state.is_target and not state.imported_at


def _no_hook(state: SessionState) -> str:
    return f"Pipecat never loaded the hook: {state.cleared}" if state.cleared else NO_HOOK


def _no_caller(state: SessionState) -> str:
    if state.listens_on_loopback_only:
        return "no caller had connected: the bot listened only on 127.0.0.1, which callers outside its pod cannot reach"
    if state.other_ports:
        return _listened_on_other_ports(state)
    if state.guessed_port is None:
        return "no caller had connected"
    return f"no caller had connected to port {state.guessed_port}, on which the bot listened"


def _listened_on_other_ports(state: SessionState) -> str:
    """Return which port callers use and on which the bot listened: the spec or the bot may have the wrong one."""
    ports = " and ".join(map(str, state.other_ports))
    found = f"port {ports}" if len(state.other_ports) == 1 else f"ports {ports}"
    if state.listening_at is None:
        return (
            f"no caller had connected: the bot listened on {found}, "
            f"but callers use port {state.expected_port} (expose.port)"
        )
    return f"no caller had connected to port {state.expected_port} (expose.port); the bot listened on {found} too"


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


def _kill(state: SessionState) -> str | None:
    if state.rung(Step.KILL) is None:
        return None
    if state.finish:
        return "the pipeline had finished, but the process did not exit and was killed"
    if state.request is None:
        return "the process did not exit and was killed"
    if state.request.is_by_bot:
        return "the bot began to end itself, did not finish and was killed"
    return "the bot did not end when it was asked to and was killed"


def _memory_kills(state: SessionState) -> str | None:
    """Return which processes the kernel killed for their memory, if that ended the bot or may be why it failed."""
    if state.memory is None or not state.memory.kills:
        return None
    if was_killed_by_kernel(state):
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
