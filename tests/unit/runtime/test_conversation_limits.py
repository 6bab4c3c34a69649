"""Which limit strikes next, and when."""

from dataclasses import replace

import pytest

from botsession_contract.lifecycle import Cause, Mode
from botsession_contract.session_limits import NO_LIMITS, IdlePrompt, SessionLimits
from botsession_runtime.conversation import Conversation
from botsession_runtime.conversation_limits import Due, next_due
from botsession_runtime.pipelines import Finish
from botsession_runtime.session_state import Exit, Request, SessionState

STARTED = SessionState(began=0.0, started_at=10.0)
ALONE = replace(STARTED, has_clients=True)
JOINED = replace(ALONE, client_at=15.0)
JOIN = SessionLimits(join_timeout_seconds=60.0)
IDLE = SessionLimits(idle_timeout_seconds=300.0)
BOTH = SessionLimits(60.0, 300.0)
PROMPT = SessionLimits(60.0, 300.0, idle_prompt=IdlePrompt(240.0, "Still there?"))
LISTENING = SessionState(began=0.0, listening_at=5.0)
CALLED = replace(LISTENING, called_at=20.0)
REQUEST = Request(Cause.DELETED, Mode.GRACEFUL, at=20.0, grace_seconds=30.0, cancel_seconds=10.0)


@pytest.mark.parametrize(
    ("state", "limits", "due"),
    [
        pytest.param(STARTED, NO_LIMITS, None, id="nothing bounds it"),
        pytest.param(SessionState(began=0.0), BOTH, None, id="nothing runs before the pipeline"),
        pytest.param(ALONE, JOIN, Due(70.0, Cause.NO_CLIENT), id="a client is awaited from the start"),
        pytest.param(JOINED, JOIN, None, id="one has come"),
        pytest.param(LISTENING, JOIN, Due(65.0, Cause.NO_CLIENT), id="a bot that listens is waited with from then on"),
        pytest.param(
            replace(LISTENING, join_earliest=120.0),
            JOIN,
            Due(120.0, Cause.NO_CLIENT),
            id="a guess costs no session time",
        ),
        pytest.param(
            replace(LISTENING, join_earliest=20.0), JOIN, Due(65.0, Cause.NO_CLIENT), id="nor does it win one any"
        ),
        pytest.param(LISTENING, NO_LIMITS, None, id="a bot that listens may wait for ever"),
        pytest.param(CALLED, BOTH, None, id="the caller of a bot that listens has come"),
        pytest.param(
            replace(CALLED, started_at=30.0, has_clients=True),
            JOIN,
            Due(90.0, Cause.NO_CLIENT),
            id="the caller of a bot that listens was never connected",
        ),
        pytest.param(STARTED, JOIN, None, id="none would be told of"),
        pytest.param(ALONE, NO_LIMITS, None, id="waiting is unbounded"),
        pytest.param(STARTED, IDLE, Due(310.0, Cause.IDLE_TIMEOUT), id="quiet since the start"),
        pytest.param(JOINED, IDLE, Due(315.0, Cause.IDLE_TIMEOUT), id="quiet since a client came"),
        pytest.param(
            replace(JOINED, active_at=40.0), IDLE, Due(340.0, Cause.IDLE_TIMEOUT), id="quiet since somebody spoke"
        ),
        pytest.param(ALONE, BOTH, Due(70.0, Cause.NO_CLIENT), id="while one is awaited nobody is quiet"),
        pytest.param(
            ALONE, SessionLimits(600.0, 1.0), Due(610.0, Cause.NO_CLIENT), id="though the join limit is the longer one"
        ),
        pytest.param(ALONE, IDLE, Due(310.0, Cause.IDLE_TIMEOUT), id="unless nobody limits the waiting"),
        pytest.param(STARTED, BOTH, Due(310.0, Cause.IDLE_TIMEOUT), id="unless none would be told of"),
        pytest.param(STARTED, SessionLimits(0.0, 0.0), None, id="zero is off"),
        pytest.param(JOINED, PROMPT, Due(255.0, None), id="the prompt comes first"),
        pytest.param(
            replace(JOINED, prompt_sent_at=255.0), PROMPT, Due(315.0, Cause.IDLE_TIMEOUT), id="and only once in a spell"
        ),
        pytest.param(
            replace(JOINED, prompt_sent_at=255.0, active_at=260.0),
            PROMPT,
            Due(500.0, None),
            id="an answer ends the spell",
        ),
        pytest.param(ALONE, PROMPT, Due(70.0, Cause.NO_CLIENT), id="nobody is not prompted"),
        pytest.param(replace(JOINED, request=REQUEST), PROMPT, None, id="it ends already"),
        pytest.param(replace(JOINED, exit=Exit(0, 20.0)), PROMPT, None, id="it is gone"),
        pytest.param(
            replace(JOINED, finish=Finish("EndFrame", None, is_ours=False, at=20.0)), PROMPT, None, id="it has finished"
        ),
    ],
)
def test_next_limit(state: SessionState, limits: SessionLimits, due: Due | None) -> None:
    assert next_due(state, limits, None) == due


@pytest.mark.parametrize(("backstop", "cause"), [(69.0, Cause.MAX_DURATION), (71.0, Cause.NO_CLIENT)])
def test_the_first_to_strike_gives_the_cause(backstop: float, cause: Cause) -> None:
    due = next_due(ALONE, BOTH, backstop)
    assert due is not None
    assert due.cause is cause


HEARING = replace(JOINED, conversation=Conversation(has_audio=True))
SOUND = SessionLimits(first_sound_timeout_seconds=20.0)


@pytest.mark.parametrize(
    ("state", "limits", "due"),
    [
        pytest.param(HEARING, SOUND, Due(35.0, Cause.NO_SOUND), id="a client that is there waits for a sound"),
        pytest.param(
            replace(HEARING, started_at=18.0), SOUND, Due(38.0, Cause.NO_SOUND), id="from the pipeline's start"
        ),
        pytest.param(HEARING, SessionLimits(), None, id="unless nobody limits that"),
        pytest.param(replace(ALONE, conversation=HEARING.conversation), SOUND, None, id="nobody waits"),
        pytest.param(replace(HEARING, left_at=16.0), SOUND, None, id="nobody waits any more"),
        pytest.param(JOINED, SOUND, None, id="a bot that plays no audio is not silent"),
        pytest.param(
            replace(HEARING, conversation=Conversation(has_audio=True, first_sound_at=16.0)),
            SOUND,
            None,
            id="it has been heard",
        ),
        pytest.param(replace(HEARING, request=REQUEST), SOUND, None, id="it ends already"),
    ],
)
def test_the_limit_of_the_first_sound(state: SessionState, limits: SessionLimits, due: Due | None) -> None:
    assert next_due(state, limits, None) == due
