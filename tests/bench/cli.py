"""The command line's own time: for help, for a list of sessions, beside Python's and kubectl's.

    python -m tests.bench.cli --runs 20

Each round runs each command once, so that whatever else the machine does meets all of them alike; the processor's time,
which that does not touch, stands beside the clock's. The goals, which nothing here asserts: 300 ms for `--help`, 500 ms
for `list`.
"""

import os
import resource
import subprocess
import sys
import time
from typing import Final

from tests.bench import figures
from tests.bench.figures import ROOT

PYTHON: Final = "python -c pass"
KUBECTL: Final = "kubectl get botsessions"
CALL: Final = "from botsession_operator.cli.app import main; main()"
COMMANDS: Final[dict[str, list[str]]] = {
    PYTHON: [sys.executable, "-c", "pass"],
    KUBECTL: [str(ROOT / ".tools/bin/kubectl"), "get", "botsessions"],
    "botsession --help": [sys.executable, "-c", CALL, "--help"],
    "botsession list": [sys.executable, "-c", CALL, "list"],
    "botsession why (no such session)": [sys.executable, "-c", CALL, "why", "none"],
}


def main() -> None:
    """Measure, and show the medians and their ratio to kubectl's."""
    runs = figures.arguments(__doc__, runs=20).runs
    os.environ.setdefault("KUBECONFIG", str(ROOT / ".tools/kubeconfig"))
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, command in COMMANDS.items():
            samples[name].append(_seconds(command))
    clock = {name: [taken[0] for taken in each] for name, each in samples.items()}
    kubectl = figures.percentile(clock[KUBECTL], 50)
    rows = [
        [name, *figures.spread(clock[name]), _ratio(clock[name], kubectl), figures.median([cpu for _, cpu in each])]
        for name, each in samples.items()
    ]
    columns = ["command", "p50", "p90", "p99", "max", "p50 to kubectl's", "processor"]
    figures.show(f"Time of a command, {runs} runs", columns, rows)
    figures.keep("cli", samples)


def _ratio(samples: list[float], whole: float) -> str:
    return f"{figures.percentile(samples, 50) / whole:.1f}"


def _seconds(command: list[str]) -> tuple[float, float]:
    """Return the time that a command took by the clock, and of the processor."""
    began, before = time.perf_counter(), _processor()
    subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - began, _processor() - before


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
