"""What a supervisor answers when it is asked for its session, in the form of the contract. Pure, but for secrets.

Which values are secret, and are left out of the conversation's errors, depends on the supervisor's environment too.
"""

from botsession_contract.control import SessionSnapshot
from botsession_contract.launch import Launch
from botsession_contract.lifecycle import BotState
from botsession_contract.report import ExitReport
from botsession_contract.session_limits import SessionLimits
from botsession_runtime import ladder
from botsession_runtime.final_report import conversation_of
from botsession_runtime.report import Wall, ending_of, wall_time
from botsession_runtime.session_state import SessionState


def snapshot_of(
    state: SessionState,
    launch: Launch,
    report: ExitReport | None,
    limits: SessionLimits,
    deadline: float | None,
    wall: Wall,
    now: float,
) -> SessionSnapshot:
    """Return the snapshot of a session; `deadline` and `now` are times of the monotonic clock."""
    next_pipeline_until = ladder.next_pipeline_until(state, launch.shutdown.grace_period_seconds)
    return SessionSnapshot(
        state=bot_state(state, report),
        now=wall(now),
        started_at=wall_time(state.started_at, wall),
        client_connected_at=wall_time(state.client_at, wall),
        deadline=wall_time(deadline, wall),
        ending=ending_of(state, wall),
        report=report,
        limits=limits,
        shutdown=launch.shutdown,
        overrides=launch.overrides,
        tells_of_clients=state.has_clients,
        client_disconnected_at=wall_time(state.left_at, wall),
        bot_imported_at=wall_time(state.imported_at, wall),
        listening_at=wall_time(state.listening_at, wall),
        called_at=wall_time(state.called_at, wall),
        unwatched=state.unwatched,
        conversation=conversation_of(state, launch, wall),
        pipelines_finished=state.stage_count + bool(state.finish),
        next_pipeline_until=wall_time(next_pipeline_until, wall),
    )


def bot_state(state: SessionState, report: ExitReport | None) -> BotState:
    """Return the state of the bot in the contract's words."""
    if report:
        return BotState.FINISHED
    if state.request:
        return BotState.ENDING
    return BotState.STARTING if state.started_at is None else BotState.RUNNING
