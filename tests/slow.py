"""What `make check` leaves out, and why: it is for every change, so it may take three minutes on two quiet cores."""

from typing import Final

#: By the beginning of a test's id.
REASONS: Final = {
    "tests/component/runtime/": "a supervisor, a bot and its Pipecat for each test: some 1.5 s of CPU",
    "tests/component/test_crowds.py": "hundreds of sessions",
    "tests/component/test_examples.py": "real sound, which is recognised",
    "tests/component/test_livekit.py": "a server that Go builds first",
    "tests/component/test_parrot.py": "real sound, which is recognised",
    "tests/component/test_promtool.py": "a program that is fetched first",
    "tests/component/test_run.py": "a supervisor, a bot and its Pipecat for each test",
    "tests/component/test_run_odd_text.py": "a supervisor, a bot and its Pipecat for each test",
}
#: What stays of these, and stands for the rest: the supervisor's endpoint, and each way down the ladder.
KEPT: Final = ("tests/component/runtime/test_control.py", "tests/component/runtime/test_endings.py")


def reason(test_id: str) -> str | None:
    """Return why a test is left out, None for one that is not."""
    if test_id.startswith(KEPT):
        return None
    return next((why for beginning, why in REASONS.items() if test_id.startswith(beginning)), None)
