"""`python -m botsession_runtime`: find the bot's interpreter, start the bot, and only then become its supervisor.

The order is the point. Importing what a supervisor needs takes a good part of a second; the bot's process imports
Pipecat meanwhile, so being supervised costs a session no start-up time.
"""

import importlib
import json
import os
import sys
import threading
import time
from typing import Any

if not __package__:
    # An injected runtime is run by its path, so that the image's own PYTHONPATH stays as it is. Python then puts this
    # file's folder on the path; the packages are found from the one above.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from botsession_runtime import interpreter, received_signals

#: A launch as JSON, by its name in `botsession_contract.launch`.
LAUNCH_ENV = "BOTSESSION_LAUNCH"
#: With this niceness, beside a bot at 0, the imports get a tenth of a CPU that both want.
IMPORT_NICENESS = 10


def main() -> int:
    """Run a session to its end; the exit code is 0 when it succeeded."""
    began = time.monotonic()
    # Also by the interpreter that this one may become: as PID 1 an unhandled SIGTERM is ignored, and otherwise it
    # kills; both would lose an early eviction.
    received_signals.block_signals()
    try:
        raw_launch = json.loads(os.environ.get(LAUNCH_ENV, ""))
    except (ValueError, RecursionError):
        sys.stderr.write(f"botsession: {LAUNCH_ENV} is not set to a launch in JSON\n")
        return 2
    try:
        interpreter.ensure_interpreter(raw_launch, os.path.abspath(__file__))  # a link to this file is not followed
    except interpreter.NoInterpreterError as exc:
        interpreter.write_report(raw_launch, str(exc))
        return 1
    return supervise(raw_launch, began)


def supervise(raw_launch: "dict[str, Any]", began: float) -> int:
    """Start the bot and see it to its end."""
    from botsession_runtime import bot_process, subreaper  # not for an interpreter that is too old

    early_signals: list[int] = []
    subreaper.adopt_orphans()  # a bot may be gone, and have left some, before the supervisor is there
    with received_signals.unblocked_signals(early_signals):
        bot = bot_process.start(raw_launch, dict(os.environ))

    importing = threading.Thread(target=import_at_low_priority)
    importing.start()
    importing.join()
    from botsession_runtime import supervisor

    return supervisor.run(raw_launch, bot, began=began, early_signals=early_signals)


def import_at_low_priority() -> None:
    """Import the supervisor at a lower priority, so that where there is one CPU the bot's imports go first.

    In a thread, because on Linux a priority is a thread's own, and an unprivileged process cannot raise it again.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), IMPORT_NICENESS)
    importlib.import_module("botsession_runtime.supervisor")


if __name__ == "__main__":
    sys.exit(main())
