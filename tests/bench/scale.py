"""What many live sessions cost the operator, and how fast it is, beside the Job controller and beside bare pods.

    python -m tests.bench.scale 1000 3000 --install

The pods are on a node that kwok plays, and one program answers for their supervisors, so the operator, the API server
and kwok have the machine. First lives are counted: short sessions, and Jobs with the same pods. Then a crowd grows to
each size: sessions are created at once, are quiet for a while, and the operator is stopped and killed beside them. What
one size has shown is kept when the next begins.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from tests.bench import audit, bar_chart, crowd, deadlines, figures, lives, operator_process, scale_report
from tests.bench.__main__ import install
from tests.bench.harness import Bench, Json, bench, connect
from tests.bench.kwok import kwok_node

#: What is written and read after a start is over by then.
SETTLE_SECONDS: Final = 30
#: Bare pods beside the crowd, at most: their rate does not depend on their number.
MAX_BARE_PODS: Final = 1000


def main() -> None:
    """Measure, print, keep."""
    options = arguments()
    connect()
    if options.install:
        install()
    samples: Json = {"processors": os.cpu_count(), "operators": operator_process.replicas(), "sizes": []}
    with kwok_node(answers=True):
        if options.lives:
            samples["lives"] = lives.sessions(options.lives)
            samples["jobs"] = lives.jobs(options.lives)
            keep(samples)
        samples["pods"] = lives.bare_pods(min(options.sizes[0], MAX_BARE_PODS))
        with live_crowd() as cluster:
            for size in options.sizes:
                samples["sizes"].append({"sessions": size})
                if not grow(cluster, samples["sizes"][-1], options.patience):
                    break
                measure(cluster, samples["sizes"][-1], options)
                keep(samples)
        keep(samples)
    scale_report.show(samples)


def arguments() -> argparse.Namespace:
    """Read the program's arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="*", default=[1000], help="how many live sessions: default 1000")
    parser.add_argument("--lives", type=int, default=300, help="short sessions, and Jobs: default 300")
    parser.add_argument("--deadlines", type=int, default=200, help="sessions whose time runs out: default 200")
    parser.add_argument("--seconds", type=int, default=60, help="how long the crowd is watched: default 60")
    parser.add_argument("--patience", type=int, default=900, help="seconds until a crowd has to run: default 900")
    parser.add_argument("--install", action="store_true", help="first install the operator by its chart")
    return parser.parse_args()


@contextmanager
def live_crowd() -> Iterator[Bench]:
    """Have room for sessions. At the end they go without the operators, which would take minutes to end thousands."""
    with ExitStack() as stack, bench("scale") as cluster:
        try:
            yield cluster
        finally:
            # An operator that starts while the sessions are there takes them into its care again.
            stack.enter_context(operator_process.stopped())
            stack.callback(cluster.wait_until_gone)
            crowd.drop(cluster)


def grow(cluster: Bench, samples: Json, patience: int) -> bool:
    """Create sessions until there are so many, note what it took, and return whether all ran in time."""
    size, there = samples["sessions"], len(cluster.names())
    names = [f"s-{number}" for number in range(there, size)]
    asked, load = audit.operator_requests(cluster.namespace), os.getloadavg()[0]
    programs, before, began = operator_process.programs(), operator_process.look(), time.time()
    crowd.create(cluster, names)
    try:
        crowd.until(cluster, lambda: _running(cluster, names) == len(names), patience, f"{size} run")
    except TimeoutError:
        samples["stopped"] = f"{there + _running(cluster, names)} of {size} ran after {time.time() - began:.0f} s"
        return False
    took = time.time() - began
    used = operator_process.used(before, operator_process.look(), operator_process.leader())
    shares = {name: (cpu - programs[name]) / took for name, cpu in operator_process.programs().items()}
    requests = (audit.operator_requests(cluster.namespace) - asked) / len(names)
    start = {"load": load, "count": len(names), "seconds": took, "shares": shares, "requests": requests}
    samples["start"] = {**start, "cpu": used["cpu"] / len(names)}
    return True


def measure(cluster: Bench, samples: Json, options: argparse.Namespace) -> None:
    """Note what a live crowd costs, and what the operator does beside it."""
    time.sleep(SETTLE_SECONDS)
    samples["quiet"] = quiet(options.seconds, cluster.namespace)
    if options.deadlines:
        samples["deadlines"] = deadlines.deadlines(cluster, options.deadlines)
    samples["restart"] = operator_process.cold_restart(cluster)
    if operator_process.replicas() > 1:
        samples["stop"] = operator_process.takeover(cluster, kills=False)
        samples["kill"] = operator_process.takeover(cluster, kills=True)


def quiet(seconds: int, namespace: str) -> Json:
    """Return what the operators use while nothing happens: shares of a processor, bytes, requests a second."""
    asked, load = audit.operator_requests(namespace), os.getloadavg()[0]  # reading the audit log takes a while
    before, began = operator_process.look(), time.time()
    time.sleep(seconds)
    used, took = operator_process.used(before, operator_process.look(), operator_process.leader()), time.time() - began
    shares = {key: value / took for key, value in used.items() if key.endswith("cpu") and value is not None}
    return {**used, **shares, "requests": (audit.operator_requests(namespace) - asked) / took, "load": load}


def keep(samples: Json) -> None:
    """Write what was measured so far, as JSON and as a picture."""
    figures.keep("scale", samples)
    (figures.RESULTS / "scale.svg").write_text(bar_chart.svg(scale_report.charts(samples)))


def _running(cluster: Bench, names: list[str]) -> int:
    return sum(cluster.status(name).get("phase") == "Running" for name in names)


if __name__ == "__main__":
    main()
