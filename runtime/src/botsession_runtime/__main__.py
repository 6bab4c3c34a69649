"""`python -m botsession_runtime`: start the bot, and only then become its supervisor.

The order is the point. Importing what a supervisor needs takes a good part of a second; the bot's process imports
Pipecat meanwhile, so being supervised costs a session no start-up time.
"""

import json
import os
import signal
import sys
import time

if not __package__:
    # An injected runtime is run by its path, so that the image's own PYTHONPATH stays as it is. Python then puts this
    # file's folder on the path; the packages are found from the one above.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  # pathlib is slow

from botsession_runtime import bot_process


def main() -> int:
    """Run a session to its end; the exit code is 0 when it succeeded."""
    began = time.monotonic()
    # As PID 1 an unhandled SIGTERM is ignored, and otherwise it kills; both would lose an early eviction.
    early: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: early.append(received))
    text = os.environ.get(bot_process.LAUNCH_ENV, "")
    try:
        orders = json.loads(text)
    except ValueError:
        sys.stderr.write(f"botsession: {bot_process.LAUNCH_ENV} is not set to a launch in JSON\n")
        return 2
    bot = bot_process.start(orders, dict(os.environ))

    from botsession_runtime import supervisor  # see above

    return supervisor.run(orders, bot, began=began, early_signals=early)


if __name__ == "__main__":
    sys.exit(main())
