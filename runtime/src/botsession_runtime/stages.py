"""Rule: what is known of a session when a pipeline, or a process with one, follows another. Pure."""

from dataclasses import replace

from botsession_runtime import pipelines
from botsession_runtime.pipelines import Finish, Stage
from botsession_runtime.session_state import LARGEST_COUNT, SessionState


def next_stage(state: SessionState, finish: Finish) -> SessionState:
    """Archive a stage that is over: what was known of its end says nothing of the stage that begins."""
    named = (each.name for each in state.pipelines if each.finish is finish or each.finish == finish)
    began = state.started_at if state.stage_started_at is None else state.stage_started_at
    frame, said = (state.own_end.frame, state.own_end.reason) if state.own_end else (finish.frame, finish.reason)
    stage = Stage(next(named, ""), frame, said, finish.at if began is None else began, finish.at)
    return replace(
        _without_end(state),
        stages=(*state.stages, stage)[-pipelines.MAX_STAGES :],
        stage_count=min(state.stage_count + 1, LARGEST_COUNT),
        pipelines=pipelines.next_stage(state.pipelines, finish.at),
    )


def restarted(state: SessionState) -> SessionState:
    """Return the state of a parent that starts another process for a lost one, unless it has been sent SIGTERM."""
    if state.was_sent_sigterm:
        return state
    return replace(_without_end(state), lost_at=None, pipelines=pipelines.NONE)


def _without_end(state: SessionState) -> SessionState:
    """Return the state for a pipeline that begins after another one, without what was known of that one's end."""
    return replace(
        state,
        stage_started_at=None,
        request=None,
        rungs=(),
        has_end_in_flight=False,
        end_held_by=None,
        cancel_held_by=None,
        own_end=None,
        runner_end=None,
        hop_at=None,
        progress_at=None,
        finish=None,
        has_bare_helpers=False,
        timed_out=None,
        crash=None,
        crashed_at=None,
        exit_sentence=None,
        fatal_error=None,
        unusable=None,
        unusable_at=None,
        idle_at=None,
        is_over=False,
        serving_at=None,
        farewell=None,
    )
