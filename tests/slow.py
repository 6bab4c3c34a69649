"""What `make check` leaves out, and why: it is for every change, so it may take three minutes on two quiet cores."""

from typing import Final

#: By the beginning of a test's id.
REASONS: Final = {
    "tests/component/runtime/": "a supervisor, a bot and its Pipecat for each test: some 1.5 s of CPU",
    "tests/component/test_crowds.py": "hundreds of sessions",
    "tests/component/test_examples.py": "real sound, which is recognised",
    "tests/component/test_livekit.py": "a server that Go builds first",
    "tests/component/test_locks.py": "a virtual environment and a pip for each test: 78 s of CPU",
    "tests/component/test_parrot.py": "real sound, which is recognised",
    "tests/component/test_promtool.py": "a program that is fetched first",
    "tests/component/test_run.py": "a supervisor, a bot and its Pipecat for each test",
    "tests/component/test_run_odd_text.py": "a supervisor, a bot and its Pipecat for each test",
}
_ENDINGS: Final = "tests/component/runtime/test_endings.py"
#: What stays of these, and stands for the rest: the supervisor's endpoint, and each way down the ladder.
KEPT: Final = (
    "tests/component/runtime/test_control.py",
    f"{_ENDINGS}::test_graceful_end_drains_the_pipeline",
    f"{_ENDINGS}::test_immediate_end_cancels_the_pipeline",
    f"{_ENDINGS}::test_swallowed_end_frame_is_forced_out_and_located",
    f"{_ENDINGS}::test_swallowed_frames_of_both_kinds_end_in_a_kill",
    f"{_ENDINGS}::test_sigterm_is_an_eviction_and_drains",
    f"{_ENDINGS}::test_bot_ends_itself",
    f"{_ENDINGS}::test_backstop_ends_a_session_past_its_deadline",
    f"{_ENDINGS}::test_bot_told_to_end_before_its_pipeline_is_terminated_then_killed",
)


def reason(test_id: str) -> str | None:
    """Return why a test is left out, None for one that is not."""
    if test_id.startswith(KEPT):
        return None
    return next((why for beginning, why in REASONS.items() if test_id.startswith(beginning)), None)
