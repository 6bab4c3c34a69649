"""How many lives a second: sessions, and Jobs with the same pods; and how soon bare pods run. All on kwok's node.

A life is created, runs for a second, and is finished: the session has its finish and its pod is gone, the Job is
complete.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from tests.bench import audit, crowd, operator_process
from tests.bench.harness import Bench, Json, bench
from tests.bench.kwok import NODE, SHORT_LIFE

#: Until what is written after the last finish has been written.
SETTLE_SECONDS: Final = 3


def bare_pods(count: int) -> Json:
    """Create pods in a loop, without an operator; return how long it took until all ran."""
    names = [f"pod-{number}" for number in range(count)]
    with bench("pods") as cluster:
        template = {"restartPolicy": "Never", "nodeName": NODE, "containers": [{"name": "bot", "image": "none"}]}

        def create(name: str) -> None:
            metadata: Any = {"name": name, "labels": {"bench": "pods"}}
            cluster.core.create_namespaced_pod(cluster.namespace, {"metadata": metadata, "spec": template})  # type: ignore[arg-type]

        took = _seconds(cluster, names, create, lambda: sum(map(_runs, cluster.pods("bench", "pods"))) == count, "run")
    cluster.wait_until_gone()
    return {"count": count, "seconds": took}


def jobs(count: int) -> Json:
    """Return how long so many Jobs take, all created at once."""
    names = [f"job-{number}" for number in range(count)]
    with bench("jobs") as cluster:

        def create(name: str) -> None:
            cluster.create_job(name, ["none"], SHORT_LIFE, nodeName=NODE, automountServiceAccountToken=False)

        took = _seconds(cluster, names, create, lambda: all(map(cluster.is_job_complete, names)), "complete")
    cluster.wait_until_gone()
    return {"count": count, "seconds": took}


def sessions(count: int) -> Json:
    """Return how long so many short sessions take, all created at once, and what they cost the operator."""
    names = [f"life-{number}" for number in range(count)]
    with bench("lives") as cluster:
        before, programs, began = operator_process.look(), operator_process.programs(), time.time()
        crowd.create(cluster, names, SHORT_LIFE)
        crowd.until(cluster, lambda: _are_over(cluster, names), crowd.patience(names), "all are over")
        took = time.time() - began
        shares = {name: (cpu - programs[name]) / took for name, cpu in operator_process.programs().items()}
        time.sleep(SETTLE_SECONDS)
        used = operator_process.used(before, operator_process.look(), operator_process.leader())
        requests = per_life(audit.requests(cluster.namespace), count)
        crowd.clear(cluster, names)
    cluster.wait_until_gone()
    return {"count": count, "seconds": took, "cpu": used["cpu"] / count, "shares": shares, "requests": requests}


def per_life(requests: list[audit.Request], count: int) -> dict[str, float]:
    """Return the operator's requests for each of so many sessions, by what they were."""
    sent = [each for each in requests if each.user == "operator"]
    kinds = Counter(f"{each.verb} {each.resource}" for each in sent)
    writes = sum(each.is_write and not each.resource.endswith("events") for each in sent)
    reads = sum(not each.is_write for each in sent)
    total = {"writes": writes, "reads": reads, "events": len(sent) - writes - reads}
    return {kind: number / count for kind, number in (total | dict(sorted(kinds.items()))).items()}


def _seconds(
    cluster: Bench, names: list[str], create: Callable[[str], None], are_so: Callable[[], bool], what: str
) -> float:
    """Create all at once; return the seconds until they all are so."""
    began = time.time()
    crowd.at_once(create, names)
    crowd.until(cluster, are_so, crowd.patience(names), f"all {what}")
    return time.time() - began


def _are_over(cluster: Bench, names: list[str]) -> bool:
    return all("finish" in cluster.status(name) for name in names) and not cluster.pods()


def _runs(pod: Json) -> bool:
    return bool(pod["status"].get("phase") == "Running")
