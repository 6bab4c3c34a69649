"""Cold start: from the create request to the moment at which the pipeline runs, beside a bare Job with the same bot.

    python -m tests.bench.cold_start --runs 10

Each round starts one of each kind, alone on the cluster, so that whatever else the machine does meets all kinds alike.
The goal, which nothing here asserts: a session takes no longer than 1.05 times what the Job takes.
"""

import itertools
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from botsession_contract.launch import RUNTIME_PATH
from tests.bench import audit, bare_bot, figures, node_log
from tests.bench.harness import Bench, Json, bench, last_words, moment

BUNDLED_IMAGE: Final = "botsession/testbot-bundled:dev"
JOB: Final = "bare Job"
#: A pod with any volume at all waits for the kubelet's next look at its volumes, a third of a second. A Job mounts its
#: service account's token unless told not to, a session does not; so a Job without it stands here too.
JOB_WITHOUT_VOLUME: Final = "bare Job, no token mounted"
#: What the time is broken down into, in its order. Each is the time from the one before it.
STAGES: Final = (
    "pod created",
    "scheduled",
    node_log.VOLUMES_READY,
    node_log.STARTED,
    "bot imported",
    "pipeline started",
)
#: After a round has left: what the kubelet does with a pod that is gone is not the next one's burden.
PAUSE_SECONDS: Final = 1.0

#: One start: the times of the stages, since the epoch, and of the request; and the pod's name.
Sample = dict[str, Any]


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, runs=10)
    with bench("cold") as cluster:
        samples = measure(cluster, options.runs)
        asked = {kind: what_the_operator_did(cluster.namespace, of_kind) for kind, of_kind in samples.items()}
    report(samples)
    report_operator(asked)
    figures.keep("cold_start", {"samples": samples, "operator": asked})


def measure(cluster: Bench, runs: int) -> dict[str, list[Sample]]:
    """Start one of each kind per round; the first round only warms caches and is not kept."""
    kinds: dict[str, Callable[[str], Sample]] = {
        JOB: lambda name: start_job(cluster, name),
        JOB_WITHOUT_VOLUME: lambda name: start_job(cluster, name, automountServiceAccountToken=False),
        "session, Injected (image volume)": lambda name: start_session(cluster, name, {"target": "quiet.py"}),
        "session, Injected (init container)": lambda name: start_session(cluster, name, *copied()),
        "session, Injected, interpreter searched": lambda name: start_session(cluster, name, elsewhere()),
        "session, Bundled": lambda name: start_session(cluster, name, bundled()),
    }
    samples: dict[str, list[Sample]] = {kind: [] for kind in kinds}
    since = time.time()
    for round_number in range(runs + 1):
        for number, (kind, start) in enumerate(kinds.items()):
            sample = start(f"r{round_number}-{number}")
            time.sleep(PAUSE_SECONDS)
            if round_number:
                samples[kind].append(sample)
    stamped, logged = audit.requests(cluster.namespace), node_log.moments(since)
    for sample in (each for of_kind in samples.values() for each in of_kind):
        add_stages_of_the_pod(sample, stamped)
        sample |= logged[sample["pod"]]
    return samples


def bundled() -> Json:
    """Return a bot whose image has the runtime in it."""
    return {"image": BUNDLED_IMAGE, "target": "quiet.py", "runtime": "Bundled"}


def elsewhere() -> Json:
    """Return a bot whose `python3` has no Pipecat: with this PATH it is the system's, and Pipecat is in /venv."""
    return {"target": "quiet.py", "env": [{"name": "PATH", "value": "/usr/local/bin:/usr/bin:/bin"}]}


def copied() -> tuple[Json, Json]:
    """Return a bot, and a template, that make the pod which an operator set to InitContainer makes.

    The operator's setting holds for all sessions at once, and so could not be measured in turns with another.
    """
    name = "copied-runtime"
    mount = {"name": name, "mountPath": RUNTIME_PATH, "readOnly": True}
    copier = {
        "name": name,
        "image": "botsession/runtime:dev",
        "volumeMounts": [{"name": name, "mountPath": "/target"}],
    }
    spec = {
        "volumes": [{"name": name, "emptyDir": {}}],
        "initContainers": [copier],
        "containers": [{"name": "bot", "volumeMounts": [mount]}],
    }
    path = {"name": "PYTHONPATH", "value": RUNTIME_PATH}
    return {"target": "quiet.py", "runtime": "Bundled", "env": [path]}, {"spec": spec}


def start_session(cluster: Bench, name: str, bot: Json, template: Json | None = None) -> Sample:
    """Start a session, end it as soon as it is known to run, wait until it is gone."""
    more = {"podTemplate": template} if template else {}
    sent = cluster.create_session(name, bot, **more)
    status = cluster.running(name)
    known = time.time()
    cluster.edit(name, end="Immediate")
    report = cluster.reported(name)
    cluster.left(name)
    started = moment(report["startedAt"])
    began = started - report["timings"]["pipelineStarted"]
    return {
        "pod": status["podName"],
        "sent": sent,
        "process started": began,
        "bot imported": began + report["timings"]["botImported"],
        "pipeline started": started,
        "seen Running": known,
    }


def start_job(cluster: Bench, name: str, **options: Any) -> Sample:
    """Run the same bot as a Job."""
    sent = cluster.create_job(name, bare_bot.command("python3", "/dev/termination-log"), **options)
    cluster.until(lambda: any(last_words(pod) for pod in cluster.job_pods(name)), f"{name} ended")
    [pod] = cluster.job_pods(name)
    moments = json.loads(last_words(pod))
    cluster.delete_job(name)
    cluster.until(lambda: not cluster.job_pods(name), f"{name} gone")
    return {
        "pod": pod["metadata"]["name"],
        "sent": sent,
        "process started": moments["began"],
        "bot imported": moments["imported"],
        "pipeline started": moments["started"],
    }


def add_stages_of_the_pod(sample: Sample, stamped: Sequence[audit.Request]) -> None:
    """Add what only the API server knows to the microsecond: when the pod was created and when it got its node."""
    during = [each for each in stamped if sample["sent"] <= each.received <= sample["process started"]]
    created = next(each for each in during if (each.verb, each.resource) == ("create", "pods"))
    bound = next(each for each in during if each.resource == "pods/binding")
    sample |= {"pod created": created.answered, "scheduled": bound.answered}


def what_the_operator_did(namespace: str, samples: Sequence[Sample]) -> list[list[list[Any]]]:
    """Return , for each start, the operator's requests until the pod was there: verb, resource, from when to when."""
    stamped = [each for each in audit.requests(namespace) if each.user == "operator"]
    return [
        [
            [f"{each.verb} {each.resource}", each.received - sample["sent"], each.answered - sample["sent"]]
            for each in stamped
            if sample["sent"] <= each.received <= each.answered <= sample["pod created"]
        ]
        for sample in samples
    ]


def stages_of(sample: Sample) -> list[float]:
    """Return how long each stage took."""
    moments = [sample["sent"], *(sample[stage] for stage in STAGES)]
    return [end - start for start, end in itertools.pairwise(moments)]


def report(samples: dict[str, list[Sample]]) -> None:
    """Print the medians, their ratios to the Jobs', and what they are made of."""
    totals = {kind: [each["pipeline started"] - each["sent"] for each in of_kind] for kind, of_kind in samples.items()}
    jobs = [statistics.median(totals[kind]) for kind in (JOB, JOB_WITHOUT_VOLUME)]
    rows, parts = [], []
    for kind, of_kind in samples.items():
        total = totals[kind]
        ratios = [f"{statistics.median(total) / job:.2f}" for job in jobs]
        rows.append([kind, figures.median(total), figures.seconds(min(total)), figures.seconds(max(total)), *ratios])
        stages = zip(*(stages_of(each) for each in of_kind), strict=True)
        parts.append([kind, *(figures.median(stage) for stage in stages)])
    columns = ["from create to pipeline started", "median", "min", "max", "to the Job", "to the Job, no token"]
    figures.show(f"Cold start, {len(totals[JOB])} runs each, in turns", columns, rows)
    figures.show("What it is made of (medians, each from the one before)", ["", *STAGES], parts)


def report_operator(asked: dict[str, list[list[list[Any]]]]) -> None:
    """Print the operator's own way from the create request to the pod, request by request."""
    starts = [start for of_kind in asked.values() for start in of_kind if start]
    usual = Counter(tuple(step[0] for step in start) for start in starts).most_common(1)[0][0]
    alike = [start for start in starts if tuple(step[0] for step in start) == usual]
    rows = [
        [f"{number + 1}. {what}", *(figures.median([start[number][end] for start in alike]) for end in (1, 2))]
        for number, what in enumerate(usual)
    ]
    columns = ["request", "arrives after", "answered after"]
    title = f"The operator's requests from the create to the pod (medians of {len(alike)} of {len(starts)} sessions)"
    figures.show(title, columns, rows)


if __name__ == "__main__":
    main()
