"""What many live sessions cost the operator: until they run, while they are quiet, and when it starts anew.

    python -m tests.bench.scale --sessions 1000 --seconds 120

The pods are on a node that kwok plays, and one program answers for their supervisors, so the operator, the API server
and kwok have the machine. Beside it, pods alone are created as fast as the API server takes them from here.
"""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from tests.bench import audit, crowd, figures
from tests.bench.harness import Bench, Json, bench, connect
from tests.bench.kwok import NODE, kwok_node

KUBECTL: Final = figures.ROOT / ".tools/bin/kubectl"
#: Prints for each process of the operator on its node: its id, its ticks as user and in the system, its RSS in KiB.
LOOK: Final = r"""
for pid in $(pgrep -f 'botsession_operator'); do
  [ "$(cat /proc/$pid/comm)" = python ] || [ "$(cat /proc/$pid/comm)" = python3 ] || continue
  awk -v pid=$pid '{printf "%s %s %s ", pid, $14, $15}' /proc/$pid/stat
  awk '/VmRSS/ {print $2}' /proc/$pid/status
done
"""
TICKS: Final = 100


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, sessions=1000, seconds=120, pods=300)
    connect()
    samples: Json = {"sessions": options.sessions, "pods": bare_pods(options.pods)}
    with live_crowd(options.sessions, samples) as cluster:
        time.sleep(60)  # what is written and read after a start is over
        samples["quiet"] = over(options.seconds, cluster.namespace)
        samples["restart"] = restart(cluster)
    report(samples)
    figures.keep("scale", samples)


def bare_pods(count: int) -> Json:
    """Create pods on the node without an operator; return how long it took until all ran."""
    with kwok_node(), bench("pods") as cluster:
        template = {"restartPolicy": "Never", "nodeName": NODE, "containers": [{"name": "bot", "image": "none"}]}

        def create(number: int) -> None:
            metadata: Any = {"name": f"pod-{number}", "labels": {"bench": "pods"}}
            cluster.core.create_namespaced_pod(cluster.namespace, {"metadata": metadata, "spec": template})  # type: ignore[arg-type]

        began = time.time()
        with ThreadPoolExecutor(crowd.HANDS) as pool:
            list(pool.map(create, range(count)))
        created = time.time() - began
        crowd.until(cluster, lambda: sum(map(_runs, cluster.pods("bench", "pods"))) == count, count, "all pods run")
        return {"count": count, "created": created, "running": time.time() - began}


@contextmanager
def live_crowd(size: int, samples: Json) -> Iterator[Bench]:
    """Have so many sessions that run, and note what it took."""
    names = [f"s-{number}" for number in range(size)]
    with kwok_node(answers=True), bench("scale") as cluster:
        try:
            before, began = look(), time.time()
            crowd.create(cluster, names)
            created = time.time() - began
            crowd.until(cluster, lambda: _all_run(cluster, names), size, "all running")
            took = time.time() - began
            samples["start"] = {"created": created, "running": took, "cpu": cpu(before, look())}
            samples["start"]["requests"] = requests(cluster.namespace)
            yield cluster
        finally:
            crowd.clear(cluster, names)


def over(seconds: int, namespace: str) -> Json:
    """Return what the operator uses while nothing happens."""
    asked, before, began = requests(namespace), look(), time.time()  # reading the audit log takes a while
    time.sleep(seconds)
    after, took = look(), time.time() - began
    return {
        "cpu": cpu(before, after) / took,
        "rss": max(rss for _, rss in after.values()) * 1024,
        "requests": (requests(namespace) - asked) / took,
    }


def restart(cluster: Bench) -> Json:
    """Start the operator anew; return how long it takes until each session has had a pass."""
    place = ["-n", "botsession-system", "deployment/botsession-operator"]
    subprocess.run([KUBECTL, "rollout", "restart", *place], check=True, capture_output=True)
    subprocess.run([KUBECTL, "rollout", "status", *place, "--timeout=5m"], check=True, capture_output=True)
    began = time.time()
    probe = "after-restart"
    crowd.create_one(cluster, probe)
    cluster.until(lambda: cluster.status(probe).get("phase") == "Running", "a session runs after the restart")
    running = time.time() - began
    cluster.left(probe)
    return {"running": running, "rss": max(rss for _, rss in look().values()) * 1024}


def look() -> dict[str, tuple[float, int]]:
    """Return the processor seconds, and the KiB in memory, of each of the operator's processes."""
    command = ["docker", "exec", crowd.WORKER, "sh", "-c", LOOK]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in said.splitlines() if len(line.split()) == 4]
    return {pid: ((int(user) + int(system)) / TICKS, int(rss)) for pid, user, system, rss in rows}


def cpu(before: dict[str, tuple[float, int]], after: dict[str, tuple[float, int]]) -> float:
    """Return the processor seconds of all processes in between."""
    return sum(used - before.get(pid, (0.0, 0))[0] for pid, (used, _) in after.items())


def requests(namespace: str) -> int:
    """Return how many requests the operator has sent about a namespace, by the API server's audit log."""
    return sum(each.user == "operator" for each in audit.requests(namespace))


def report(samples: Json) -> None:
    """Print what it costs."""
    pods, start, quiet = samples["pods"], samples["start"], samples["quiet"]
    sessions = samples["sessions"]
    rows = [
        ["bare pods running, a second", f"{pods['count'] / pods['running']:.1f}"],
        ["sessions running, a second", f"{sessions / start['running']:.1f}"],
        ["ratio of the two", f"{sessions / start['running'] / (pods['count'] / pods['running']):.2f}"],
        ["processor time of the operator for a start", f"{start['cpu'] / sessions * 1000:.1f} ms"],
        ["requests of the operator for a start", f"{start['requests'] / sessions:.1f}"],
        ["processor while quiet", f"{quiet['cpu'] * 100:.1f} % of one"],
        ["requests of the operator while quiet, a second", f"{quiet['requests']:.1f}"],
        ["memory of the operator", f"{quiet['rss'] / 2**20:.0f} MiB"],
        ["from a ready new operator to a new session's pipeline", figures.seconds(samples["restart"]["running"])],
    ]
    figures.show(f"{sessions} live sessions", ["", "measured"], rows)


def _all_run(cluster: Bench, names: list[str]) -> bool:
    return all(cluster.status(name).get("phase") == "Running" for name in names)


def _runs(pod: Json) -> bool:
    return bool(pod["status"].get("phase") == "Running")


if __name__ == "__main__":
    main()
