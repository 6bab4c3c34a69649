import sys

from tests import sigstop_chaos

#: Ends when a child of it has stood still twice.
COMMAND = """
import subprocess, sys
WATCH = '''
import time
last, stalls = time.monotonic(), 0
while stalls < 2:
    time.sleep(0.001)
    now = time.monotonic()
    last, stalls = now, stalls + (now - last > 0.09)
'''
sys.exit(7 if subprocess.run([sys.executable, "-c", WATCH]).returncode == 0 else 1)
"""


def test_processes_of_a_command_stand_still_now_and_then_and_its_exit_code_is_given() -> None:
    assert sigstop_chaos.main([sys.executable, "-c", COMMAND]) == 7


def test_command_that_is_over_at_once_is_no_trouble() -> None:
    assert sigstop_chaos.main(["true"]) == 0
