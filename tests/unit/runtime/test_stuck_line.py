"""Which line blocks a bot, by faulthandler's dump."""

import pytest

from botsession_runtime.stuck_line import blocking_line

LOOP = """  File "/usr/lib/python3.11/asyncio/base_events.py", line 1922 in _run_once
  File "/usr/lib/python3.11/asyncio/base_events.py", line 607 in run_forever
  File "/usr/lib/python3.11/asyncio/runners.py", line 118 in run
  File "/app/bot.py", line 99 in <module>
"""
OTHER = """Thread 0x00007f0000000002 (most recent call first):
  File "/app/worker.py", line 1 in wait

"""
CALLED = """  File "/app/lib/python3.11/site-packages/pipecat/frame_processor.py", line 900 in process_frame
  File "/usr/lib/python3.11/asyncio/events.py", line 84 in _run
"""


def dump(*frames: str) -> str:
    return f"{OTHER}Current thread 0x00007f0000000001 (most recent call first):\n{''.join(frames)}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            dump('  File "/app/bot.py", line 42 in spin\n', CALLED, LOOP), "bot.py:42 in spin", id="the user's own line"
        ),
        pytest.param(
            dump(
                '  File "/usr/lib/python3.11/socket.py", line 718 in readinto\n',
                '  File "/app/bot.py", line 7 in fetch\n',
                CALLED,
                LOOP,
            ),
            "bot.py:7 in fetch",
            id="the user's line before the library's that it called",
        ),
        pytest.param(
            dump('  File "/app/.venv/lib/python3.11/site-packages/slow/io.py", line 5 in read\n', CALLED, LOOP),
            "io.py:5 in read",
            id="a library's line where there is no other",
        ),
        pytest.param(
            dump('  File "/usr/lib/python3.11/selectors.py", line 468 in select\n', LOOP), None, id="a loop that waits"
        ),
        pytest.param(
            dump(
                '  File "/app/bot.py", line 3 in <module>\n',
                '  File "<frozen importlib._bootstrap>", line 241 in _call_with_frames_removed\n',
                '  File "/opt/botsession/botsession_runtime/launch.py", line 140 in _load_file\n',
            ),
            "bot.py:3 in <module>",
            id="a module that blocks its own import",
        ),
        pytest.param(OTHER, None, id="a thread that is not there"),
        pytest.param("", None, id="no dump at all"),
    ],
)
def test_blocking_line(text: str, line: str | None) -> None:
    assert blocking_line(text, 0x7F0000000001) == line
