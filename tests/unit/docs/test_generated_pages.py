"""Pages and tables that are made from the code are what the code says now."""

import subprocess
import sys
from pathlib import Path

GENERATE = Path(__file__).parents[3] / "hack/generate"


def test_what_is_generated_is_up_to_date() -> None:
    checked = subprocess.run([sys.executable, GENERATE, "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
