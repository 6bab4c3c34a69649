"""How long sessions wait beside a thousand silent ones of another tenant, and beside a node that stops.

    python -m tests.bench.crowds --silent 1000 --frozen 30 --sessions 15 --together 3

Live sessions start and end alone, then beside the crowd, then alone again. Measured are the time from the create
request to the pod, and from the edit of `spec.end` to the EndFrame. The goal, which nothing here asserts: at most 1.2
of the time alone.

The silent sessions have pods of a node that kwok plays, at addresses that do not answer. The frozen ones are live
sessions of this cluster whose supervisors are all stopped in one moment, as when their machine stands still.
"""

import random
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from tests.bench import crowd, figures
from tests.bench.harness import Bench, Json, bench, moment
from tests.bench.kwok import kwok_node

CREATED: Final = "create request → pod"
ENDED: Final = "spec.end → EndFrame"
#: Seconds, by what was measured.
Samples = dict[str, list[float]]


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, silent=1000, frozen=30, sessions=15, together=3)
    rounds: dict[str, Samples] = {}
    with bench("live") as live:
        measured = 0

        def measure(name: str) -> None:
            nonlocal measured
            rounds[name] = live_sessions(live, f"r{measured}", options.sessions, options.together)
            measured += 1

        measure("alone")
        if options.silent:
            with silent_crowd(options.silent):
                measure(f"beside {options.silent} silent")
                measure(f"beside {options.silent} silent, again")
        measure("alone, again")
        if options.frozen:
            with frozen_crowd(options.frozen):
                measure(f"beside {options.frozen} frozen")
        measure("alone, at last")
    report(rounds)
    figures.keep("crowds", rounds)


def live_sessions(cluster: Bench, prefix: str, sessions: int, together: int) -> Samples:
    """Start and end sessions, some at a time."""
    names = [f"{prefix}-{number}" for number in range(sessions)]
    with ThreadPoolExecutor(together) as pool:
        samples = list(pool.map(lambda name: live_session(cluster, name), names))
    return {CREATED: [created for created, _ in samples], ENDED: [ended for _, ended in samples]}


def live_session(cluster: Bench, name: str) -> tuple[float, float]:
    """Start a session, leave it alone for a while, and ask it to end."""
    sent = cluster.create_session(name, {"target": "quiet.py"})
    cluster.until(lambda: cluster.pods(value=name), f"{name} has a pod")
    created = time.time() - sent
    cluster.running(name)
    time.sleep(random.uniform(1, 2))  # noqa: S311  # so that those that run together do not end together
    asked = cluster.edit(name, end="Graceful")
    steps = {step["step"]: moment(step["at"]) for step in cluster.reported(name)["ending"]["steps"]}
    cluster.left(name)
    return created, steps["EndFrame"] - asked


@contextmanager
def silent_crowd(size: int) -> Iterator[None]:
    """Have so many sessions whose pods run and whose supervisors do not answer."""
    names = [f"silent-{number}" for number in range(size)]
    with kwok_node(), bench("silent") as cluster:
        try:
            crowd.create(cluster, names)
            crowd.until(cluster, lambda: _are_silent(cluster, names), crowd.patience(names), "all found silent")
            yield
        finally:
            crowd.clear(cluster, names)


@contextmanager
def frozen_crowd(size: int) -> Iterator[None]:
    """Have so many sessions that were live, until all their supervisors stopped in one moment."""
    names = [f"frozen-{number}" for number in range(size)]
    with bench("frozen") as cluster:
        try:
            for name in names:
                cluster.create_session(name, {"target": "quiet.py"}, shutdown=crowd.SHORT)
            for name in names:
                cluster.running(name)
            pids = _supervisors(cluster)
            subprocess.run(["docker", "exec", crowd.WORKER, "kill", "-STOP", *pids], check=True)
            try:
                yield
            finally:
                # The kubelet has killed those by now whose liveness probe failed for a minute.
                subprocess.run(
                    ["docker", "exec", crowd.WORKER, "kill", "-CONT", *pids], check=False, capture_output=True
                )
        finally:
            crowd.clear(cluster, names)


def _supervisors(cluster: Bench) -> list[str]:
    """Return the supervisors' process numbers on the worker."""
    ids = [pod["status"]["containerStatuses"][0]["containerID"].partition("://")[2] for pod in cluster.pods()]
    command = ["docker", "exec", crowd.WORKER, "ctr", "--namespace", "k8s.io", "tasks", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split()[1] for line in listed.splitlines() if line.split()[0] in ids]


def _are_silent(cluster: Bench, names: list[str]) -> bool:
    return all(_is_silent(cluster.status(name)) for name in names)


def _is_silent(status: Json) -> bool:
    """Return whether the operator has found a session's supervisor silent, and has said so."""
    said = [each["status"] for each in status.get("conditions", []) if each["type"] == "Controlled"]
    return said == ["Unknown"]


def report(rounds: dict[str, Samples]) -> None:
    """Print the medians and percentiles, and the ratio to the time alone."""
    for measured in (CREATED, ENDED):
        alone = [value for name, samples in rounds.items() if name.startswith("alone") for value in samples[measured]]
        rows = [
            [
                name,
                str(len(samples[measured])),
                *figures.spread(samples[measured]),
                f"{figures.percentile(samples[measured], 50) / figures.percentile(alone, 50):.2f}",
            ]
            for name, samples in rounds.items()
        ]
        columns = ["live sessions", "number", "p50", "p90", "p99", "max", "p50 to all alone"]
        figures.show(measured, columns, rows)


if __name__ == "__main__":
    main()
