"""What being supervised costs a bot at its start, without a cluster: the supervisor beside a bare `python bot.py`.

    python -m tests.bench.supervision --runs 10

Both are processes of this machine, started in turns, each alone. The runtime is a compiled copy, as its image has it.
"""

import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

from botsession_contract.json_codec import encode
from botsession_contract.launch import LAUNCH_ENV, Launch
from tests.bench import bare_bot, figures
from tests.bench.harness import moment

BOTS: Final = figures.ROOT / "tests/bots"
RUNTIME: Final = figures.ROOT / "runtime/src"
BARE: Final = "bare"
SUPERVISED: Final = "supervised"
#: A start takes a few seconds at worst, and a supervisor that is asked to end a few more.
PATIENCE_SECONDS: Final = 60.0

#: Seconds from the start of the process: bot imported, pipeline started.
Sample = dict[str, float]


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, runs=10)
    samples: dict[str, list[Sample]] = {BARE: [], SUPERVISED: []}
    with tempfile.TemporaryDirectory() as folder:
        runtime = compiled_runtime(Path(folder))
        for number in range(options.runs + 1):
            bare, supervised = run_bare(Path(folder)), run_supervised(Path(folder), runtime)
            if number:  # the first of each warms the page cache
                samples[BARE].append(bare)
                samples[SUPERVISED].append(supervised)
    report(samples)
    figures.keep("supervision", samples)


def compiled_runtime(folder: Path) -> Path:
    """Return a copy of the runtime with bytecode."""
    runtime = folder / "botsession"
    shutil.copytree(RUNTIME, runtime, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    compileall.compile_dir(runtime, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return runtime


def run_bare(folder: Path) -> Sample:
    """Run the bot as its author would."""
    note = folder / "note.json"
    sent = time.time()
    subprocess.run(bare_bot.command(sys.executable, str(note)), cwd=BOTS, check=True, capture_output=True)
    moments = json.loads(note.read_text())
    return {"imported": moments["imported"] - sent, "started": moments["started"] - sent}


def run_supervised(folder: Path, runtime: Path) -> Sample:
    """Run it under the supervisor, as its pod would, and end it when it has started."""
    report_path = folder / "report.json"
    report_path.unlink(missing_ok=True)
    launch = Launch("bench", "session", "0" * 64, target="quiet.py", python=sys.executable)
    raw_launch = encode(launch) | {"reportPath": str(report_path), "controlHost": "127.0.0.1", "controlPort": 0}
    sent = time.time()
    process = subprocess.Popen(
        [sys.executable, runtime / "botsession_runtime/__main__.py"],
        cwd=BOTS,
        env=os.environ | {LAUNCH_ENV: json.dumps(raw_launch)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "pipeline started" in line:
            process.terminate()
    process.wait(PATIENCE_SECONDS)
    report = json.loads(report_path.read_text())
    started = moment(report["startedAt"]) - sent
    timings = report["timings"]
    return {"imported": started - timings["pipelineStarted"] + timings["botImported"], "started": started}


def report(samples: dict[str, list[Sample]]) -> None:
    """Print the medians and their ratio."""

    def middle(kind: str, what: str) -> float:
        return statistics.median(each[what] for each in samples[kind])

    rows = [
        [
            kind,
            figures.seconds(middle(kind, "imported")),
            figures.seconds(middle(kind, "started")),
            f"{middle(kind, 'started') / middle(BARE, 'started'):.2f}",
        ]
        for kind in samples
    ]
    columns = ["process start → …", "bot imported", "pipeline started", "ratio"]
    figures.show(
        f"Start of a process on this machine, {len(samples[BARE])} runs each, in turns (medians)", columns, rows
    )


if __name__ == "__main__":
    main()
