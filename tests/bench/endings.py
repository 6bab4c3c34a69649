"""How soon a session is told to end: the time at which its EndFrame leaves, against the time at which it should.

    python -m tests.bench.endings --sessions 30 --together 6

Three kinds: the deadline passes, `spec.end` is patched, the session is deleted. There are `--sessions` of each,
`--together` at a time, so that starts of some fall into the deadlines of others, as they do in production. The goal for
a deadline, which nothing here asserts: 250 ms at the 99th percentile.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.bench import figures
from tests.bench.harness import Bench, Json, bench, moment

#: Long enough for the session to be known to run before its time is up.
DURATION_SECONDS: Final = 4
END_FRAME: Final = "EndFrame"

#: Seconds after the moment that counts: the supervisor had been asked, the EndFrame left.
Sample = dict[str, float]


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, sessions=30, together=6)
    kinds: dict[str, Callable[[Bench, str], Sample]] = {
        "deadline passes": deadline,
        "spec.end is patched": end,
        "session is deleted": delete,
    }
    samples: dict[str, list[Sample]] = {}
    with bench("endings") as cluster, ThreadPoolExecutor(options.together) as pool:
        for letter, (kind, run) in zip("abc", kinds.items(), strict=True):
            names = [f"{letter}-{number}" for number in range(options.sessions)]
            samples[kind] = list(pool.map(lambda name, run=run: run(cluster, name), names))
    report(samples)
    figures.keep("endings", samples)


def deadline(cluster: Bench, name: str) -> Sample:
    """Let a session's time run out."""
    cluster.create_session(name, {"target": "quiet.py"}, maxSessionDuration=f"{DURATION_SECONDS}s")
    report = cluster.reported(name)
    due = moment(report["startedAt"]) + DURATION_SECONDS
    return finished(cluster, name, due, report)


def end(cluster: Bench, name: str) -> Sample:
    """Ask a running session to end, by an edit."""
    settle(cluster, name)
    asked = cluster.edit(name, end="Graceful")
    return finished(cluster, name, asked, cluster.reported(name))


def delete(cluster: Bench, name: str) -> Sample:
    """Delete a running session."""
    settle(cluster, name)
    asked = cluster.delete(name)
    return finished(cluster, name, asked, cluster.reported(name))


def settle(cluster: Bench, name: str) -> None:
    """Start a session and leave it alone for a while: nobody edits one at the moment at which it starts."""
    cluster.create_session(name, {"target": "quiet.py"})
    cluster.running(name)
    time.sleep(random.uniform(1, 3))  # noqa: S311  # so that those that run together do not end together


def finished(cluster: Bench, name: str, since: float, report: Json) -> Sample:
    """Read a report, and make room for the next session."""
    steps = {step["step"]: moment(step["at"]) for step in report["ending"]["steps"]}
    cluster.left(name)
    return {"asked": moment(report["ending"]["requestedAt"]) - since, "left": steps[END_FRAME] - since}


def report(samples: dict[str, list[Sample]]) -> None:
    """Print the percentiles."""
    rows = [
        [kind, str(len(of_kind)), *figures.spread([each["left"] for each in of_kind])]
        for kind, of_kind in samples.items()
    ]
    figures.show("Until the EndFrame leaves", ["since", "sessions", "p50", "p90", "p99", "max"], rows)


if __name__ == "__main__":
    main()
