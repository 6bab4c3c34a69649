"""What the bot waits for: the modules that are imported before its process is started, on the way of a pod."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from botsession_runtime import __file__ as package
from botsession_runtime.bot_process import LAUNCH_ENV

#: Runs the supervisor's program up to the moment in which it starts the bot, and prints what was imported for it.
PROBE: Final = """
import os, sys
os.getpid = lambda: 1  # as in a pod, where nothing is done to adopt orphans
before, (main, *sys.path) = set(sys.modules), sys.argv[1:]

def on_event(event, _arguments):
    if event == "subprocess.Popen":
        print(*sorted(set(sys.modules) - before), flush=True)
        os._exit(0)

sys.addaudithook(on_event)
with open(main) as file:
    exec(compile(file.read(), main, "exec"), {"__name__": "__main__", "__package__": "", "__file__": main})
"""
#: Each is a file that is read, and without bytecode compiled, while nothing else of the session goes on.
OURS: Final = {
    "botsession_contract",
    "botsession_contract.dual_stack",
    "botsession_contract.result",
    "botsession_runtime",
    "botsession_runtime.bot_process",
    "botsession_runtime.interpreter",
    "botsession_runtime.memory",
    "botsession_runtime.received_signals",
    "botsession_runtime.result",
    "botsession_runtime.subreaper",
}
#: All of the standard library that may be, besides what these import in their turn.
STANDARD: Final = ("contextlib", "importlib.util", "json", "signal", "socket", "subprocess", "threading", "typing")
CLOSURE: Final = f"""
import sys
before = set(sys.modules)
import __future__, {", ".join(STANDARD)}
print(*sorted(set(sys.modules) - before))
"""


def modules_before_the_bot() -> set[str]:
    """Return the modules that a supervisor imports until it starts the bot, a command."""
    main = Path(package).with_name("__main__.py")
    launch = json.dumps({"command": ["/bin/true"], "controlHost": "127.0.0.1", "controlPort": 0})
    return imported(PROBE, str(main), *sys.path, environment={LAUNCH_ENV: launch})


def imported(code: str, *arguments: str, environment: dict[str, str] | None = None) -> set[str]:
    """Return the modules that a program prints; `-S` leaves out those that an environment's own files import."""
    command = [sys.executable, "-I", "-S", "-c", code, *arguments]
    done = subprocess.run(command, env=os.environ | (environment or {}), capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_bot_waits_for_these_modules_of_ours_only() -> None:
    assert {name for name in modules_before_the_bot() if name.startswith("botsession")} == OURS


def test_bot_waits_for_little_of_the_standard_library() -> None:
    others = {name for name in modules_before_the_bot() if not name.startswith("botsession")}
    assert "subprocess" in others
    assert others - imported(CLOSURE) == set()


def test_bot_without_a_transport_does_not_wait_for_the_codec_of_payloads() -> None:
    code = "import sys; sys.path[:] = sys.argv[1:]; import botsession_runtime.launch; print(*sys.modules)"
    assert imported(code, *sys.path) & {"botsession_contract.json_codec", "botsession_contract.lifecycle"} == set()
