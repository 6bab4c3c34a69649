"""States of sessions that a report is concluded from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from botsession_contract.lifecycle import Cause, Mode, Step
from botsession_runtime.memory import Memory
from botsession_runtime.pipelines import Finish, OwnEnd
from botsession_runtime.session_state import Exit, Request, Rung, SessionState

BEGAN = 100.0
RUNNING = SessionState(began=BEGAN, hooked_at=101.0, imported_at=101.0, started_at=102.0, exit=Exit(0, 200.0))
STARTING = replace(RUNNING, started_at=None)
UNHOOKED = replace(STARTING, hooked_at=None, imported_at=None)
REQUEST = Request(Cause.MAX_DURATION, Mode.GRACEFUL, 150.0, 30.0, 10.0)
ASKED = replace(RUNNING, request=REQUEST, rungs=(Rung(Step.END_FRAME, 150.0),))
FORCED = replace(ASKED, rungs=(*ASKED.rungs, Rung(Step.FORCED_CANCEL_FRAME, 180.0)), end_held_by="Blackhole#0")
KILLED = replace(FORCED, rungs=(*FORCED.rungs, Rung(Step.KILL, 190.0)), exit=Exit(-9, 191.0))
UNSEEN = "the hook was loaded in process 42 and could not reach the supervisor"
UNWATCHED = replace(RUNNING, hooked_at=None, unwatched=UNSEEN)
TERMINATE = Rung(Step.TERMINATE, 150.0)
USED, UNUSED = Memory(1, 256 << 20, 255 << 20), Memory(0, 256 << 20, 99 << 20)
STARVED = replace(RUNNING, exit=Exit(-9, 200.0), memory=USED)
TERMINATED = replace(STARTING, request=REQUEST, rungs=(Rung(Step.TERMINATE, 150.0),), exit=Exit(-15, 151.0))
#: A server, whose bot was over at 160 s.
TOLD_TO_GO = Rung(Step.TERMINATE, 162.0)
#: The caller hung up at 155 s.
LEFT = replace(RUNNING, client_at=103.0, left_at=155.0)
LEFT_EARLY = replace(LEFT, started_at=None, is_over=True)
SAID = replace(ASKED, request=replace(REQUEST, farewell="Goodbye!"))
#: It had begun to end by itself at 150 s, and crashed.
OWN_END = replace(
    RUNNING,
    request=Request(Cause.BOT_ENDED, Mode.GRACEFUL, 150.0, 30.0, 10.0),
    rungs=(Rung(Step.END_FRAME, 150.0),),
    own_end=OwnEnd("EndFrame", "evaluation complete", 150.0),
    exit=Exit(-11, 155.0),
)


def wall(moment: float) -> datetime:
    return datetime(2026, 1, 31, tzinfo=UTC) + timedelta(seconds=moment)


def ended(state: SessionState, frame: str, reason: str | None = None, *, ours: bool = False) -> SessionState:
    return replace(state, finish=Finish(frame, reason, ours, 160.0))
