"""Rule: why and how a session ended. Pure: state in, reason and outcome out."""

import signal
from typing import Final

from botsession_contract.lifecycle import Outcome, Reason, Step, reason_for
from botsession_runtime.pipelines import Finish
from botsession_runtime.session_state import CANCEL_FRAME, END_FRAMES, SessionState

#: Reasons that Pipecat itself gives its CancelFrames (pipecat/pipeline/worker.py, pipecat/workers/runner.py).
IDLE_REASON: Final = "idle timeout"
ERROR_REASONS: Final = ("fatal error: ",)
UNUSABLE_REASON: Final = "can no longer do its job"
RUNNER_REASON: Final = "runner exiting"
#: How soon a bot queues its own EndFrame after on_idle_timeout, or after its client has left, in seconds. A later
#: EndFrame has another cause.
ECHO_SECONDS: Final = 5.0
#: How far apart Pipecat reports an error and the frame that follows from it, in either order, in seconds.
TURN_SECONDS: Final = 0.1


def reason_of(state: SessionState) -> Reason:
    """Return why the session ended. The sender of the frame that ended the pipeline decides, not the first to ask."""
    finish = state.finish
    if finish and not finish.is_ours:
        return _own_reason(state, finish)
    if began := helped_own_end(state):
        return _reason_of_helped_end(state, began)
    if state.failure or (state.crash and not finish) or timed_out_starting(state):
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


def outcome_of(state: SessionState) -> Outcome:
    """Return how the pipeline ended. A process that hangs after its pipeline has finished does not change that."""
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
        # Pipecat has no event for a pipeline that was cancelled during its start, or by our forced CancelFrame.
        return Outcome.FORCED if forced else Outcome.CANCELLED
    return Outcome.LOST


def helped_own_end(state: SessionState) -> Finish | None:
    """Return the bot's own end as a finish, if the supervisor had to force or kill the bot to complete that end."""
    own, request = state.own_end, state.request
    is_first = own is not None and request is not None and (request.is_by_bot or own.at <= request.at)
    was_helped = any(rung.step in (Step.FORCED_CANCEL_FRAME, Step.KILL) for rung in state.rungs)
    return Finish(own.frame, own.reason, is_ours=False, at=own.at) if own and is_first and was_helped else None


def _died_while_ending(state: SessionState) -> bool:
    """Return whether the bot was ending itself, and its process was gone before its frame had passed the pipeline."""
    is_by_bot = state.request is not None and state.request.is_by_bot
    return is_by_bot and state.finish is None and not state.is_over


def _reason_of_helped_end(state: SessionState, began: Finish) -> Reason:
    """Return why the session ended if the bot's own frame never passed the pipeline.

    A bot that would have completed, and whose client left before it could, was left by its client.
    """
    if state.crash and not state.finish:
        return Reason.BOT_ERROR
    own = _own_reason(state, began)
    return Reason.CLIENT_DISCONNECTED if own is Reason.COMPLETED and state.left_at is not None else own


def _own_reason(state: SessionState, finish: Finish) -> Reason:
    reason_text = finish.reason or ""
    terminated = state.rung(Step.TERMINATE)
    if terminated and terminated.at <= finish.at and state.request:
        return reason_for(state.request.cause)  # the bot handles SIGTERM itself
    if reason_text.startswith(ERROR_REASONS) or UNUSABLE_REASON in reason_text or was_cancelled_by_error(state, finish):
        return Reason.BOT_ERROR
    if reason_text == RUNNER_REASON and _has_failed(state):
        return Reason.BOT_ERROR  # the exception ended the runner, and the runner cancelled its pipeline
    if reason_text == IDLE_REASON or _follows_idle_timeout(state):
        return Reason.IDLE_TIMEOUT
    if _follows_disconnect(state, finish):
        return Reason.CLIENT_DISCONNECTED
    if follows_unusable_processor(state, finish):
        return Reason.BOT_ERROR
    is_end = finish.frame in END_FRAMES or (reason_text == RUNNER_REASON and state.runner_end is not None)
    return Reason.COMPLETED if is_end else Reason.BOT_CANCELLED


def was_cancelled_by_error(state: SessionState, finish: Finish) -> bool:
    """Return whether a fatal error ended the pipeline: before Pipecat 1.8 its CancelFrame does not say so."""
    return state.fatal_error is not None and finish.frame == CANCEL_FRAME and finish.reason is None


def _has_failed(state: SessionState) -> bool:
    return state.crash is not None or bool(state.exit and state.exit.code > 0 and not state.rung(Step.TERMINATE))


def _follows_idle_timeout(state: SessionState) -> bool:
    if state.idle_at is None or state.own_end is None:
        return False
    return 0 <= state.own_end.at - state.idle_at <= ECHO_SECONDS


def follows_unusable_processor(state: SessionState, finish: Finish) -> bool:
    """Return whether an unusable processor ended the pipeline: Pipecat's EndFrame for that has no reason.

    Pipecat reports the error and the frame at about the same time, and so in either order.
    """
    if state.unusable_at is None or finish.reason is not None or finish.frame not in END_FRAMES:
        return False
    return -TURN_SECONDS <= _end_began_at(state, finish) - state.unusable_at <= ECHO_SECONDS


def _follows_disconnect(state: SessionState, finish: Finish) -> bool:
    """Return whether the bot ended because its client had left.

    A CancelFrame may come late, since a bot may save its results first.
    """
    if state.left_at is None:
        return False
    began = _end_began_at(state, finish)
    if finish.frame == CANCEL_FRAME:
        return state.left_at <= began
    return state.own_end is not None and 0 <= began - state.left_at <= ECHO_SECONDS


def _end_began_at(state: SessionState, finish: Finish) -> float:
    """Return when the frame that ended the pipeline entered it, or when it came out if it was not seen before."""
    return state.own_end.at if state.own_end else finish.at


def _was_left_while_starting(state: SessionState) -> bool:
    """Return whether the bot gave up its start because its client had left. Pipecat has no event for that."""
    if state.started_at is not None or state.left_at is None or not state.is_over:
        return False
    return state.exit is None or state.exit.code == 0 or state.rung(Step.TERMINATE) is not None


def timed_out_starting(state: SessionState) -> bool:
    """Return whether Pipecat gave up on the start of the first pipeline."""
    return state.started_at is None and state.timed_out is not None


def ran_out_of_memory(state: SessionState) -> bool:
    """Return whether the kernel killed the bot for its memory: a SIGKILL from elsewhere, before the bot was over."""
    return was_killed_by_kernel(state) and not state.finish and not state.is_over


def was_killed_by_kernel(state: SessionState) -> bool:
    """Return whether the kernel killed the bot's process for its memory, rather than the supervisor."""
    # A shell that ran the bot reports the signal as an exit code of 137.
    was_killed = state.exit is not None and shell_code(state.exit.code) == shell_code(-signal.SIGKILL)
    return was_killed and state.rung(Step.KILL) is None and bool(state.memory and state.memory.kills)


def shell_code(code: int) -> int:
    """Return an exit code the way shells and containers do: 128 + n for a signal n."""
    return code if code >= 0 else 128 - code
