"""`python -m botsession_runtime`: start the bot, and only then become its supervisor.

The order is the point. Importing what a supervisor needs takes a good part of a second; the bot's process imports
Pipecat meanwhile, so being supervised costs a session no start-up time.
"""

import importlib
import json
import os
import signal
import sys
import threading
import time

if not __package__:
    # An injected runtime is run by its path, so that the image's own PYTHONPATH stays as it is. Python then puts this
    # file's folder on the path; the packages are found from the one above.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  # pathlib is slow

from botsession_runtime import bot_process

#: With this niceness, beside a bot at 0, the imports get a tenth of a CPU that both want.
IMPORT_NICENESS = 10


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

    importing = threading.Thread(target=import_politely)
    importing.start()
    importing.join()
    from botsession_runtime import supervisor

    return supervisor.run(orders, bot, began=began, early_signals=early)


def import_politely() -> None:
    """Import the supervisor at a lower priority, so that where there is one CPU the bot's imports go first.

    In a thread, because on Linux a priority is a thread's own, and an unprivileged process cannot raise it again.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), IMPORT_NICENESS)
    importlib.import_module("botsession_runtime.supervisor")


if __name__ == "__main__":
    sys.exit(main())
