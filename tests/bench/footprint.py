"""What supervision costs a pod: memory and processor time of the supervisor beside the bot's, and a bare bot's.

    python -m tests.bench.footprint --runs 3 --seconds 30

Read inside the pods, from /proc. PSS counts a page that two processes share by halves, so it adds up; RSS is what
`kubectl top` and memory limits come near to.
"""

import json
import statistics
import subprocess
import time
from typing import Final

from tests.bench import bare_bot, figures
from tests.bench.harness import Bench, Json, bench

KUBECTL: Final = figures.ROOT / ".tools/bin/kubectl"
#: Runs in the pod: one line of JSON on the process that has process id 1, and one on its child, where there is one.
LOOK: Final = """
import json, os
def look(pid):
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    shared = dict(line.split(":", 1) for line in list(open(f"/proc/{pid}/smaps_rollup"))[1:])
    times = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    kib = lambda text: int(text.split()[0]) * 1024
    ticks = os.sysconf("SC_CLK_TCK")
    return {"pid": pid, "parent": int(status["PPid"]), "rss": kib(status["VmRSS"]), "pss": kib(shared["Pss"]),
            "cpu": (int(times[11]) + int(times[12])) / ticks, "threads": int(status["Threads"])}
own = os.getpid()
print(json.dumps([look(int(pid)) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != own]))
"""
SUPERVISOR: Final = "supervisor"
SUPERVISED: Final = "bot, supervised"
BARE: Final = "bot, bare"


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, runs=3, seconds=30)
    samples: dict[str, list[Json]] = {SUPERVISOR: [], SUPERVISED: [], BARE: []}
    with bench("footprint") as cluster:
        for number in range(options.runs):
            for kind, sample in measure(cluster, number, options.seconds).items():
                samples[kind].append(sample)
    report(samples, options.seconds)
    figures.keep("footprint", samples)


def measure(cluster: Bench, number: int, quiet_seconds: int) -> dict[str, Json]:
    """Run a session and a bare bot side by side; look at both when they have started, and after a quiet while."""
    name, job = f"session-{number}", f"job-{number}"
    cluster.create_session(name, {"target": "quiet.py"})
    cluster.create_job(job, bare_bot.command("python3", "/dev/null", "stay"))
    status = cluster.running(name)
    cluster.until(lambda: is_running(cluster, job), "the Job running")
    pods = {"session": status["podName"], "job": cluster.job_pods(job)[0]["metadata"]["name"]}
    time.sleep(5)  # both have imported Pipecat and started by then, which the bare one tells nobody
    before = {kind: look(cluster.namespace, pod) for kind, pod in pods.items()}
    time.sleep(quiet_seconds)
    after = {kind: look(cluster.namespace, pod) for kind, pod in pods.items()}
    cluster.delete_job(job)
    cluster.left(name)
    return {
        SUPERVISOR: change(before["session"][0], after["session"][0]),
        SUPERVISED: change(before["session"][1], after["session"][1]),
        BARE: change(before["job"][0], after["job"][0]),
    }


def is_running(cluster: Bench, job: str) -> bool:
    """Return whether a Job's pod runs."""
    return any(pod["status"].get("phase") == "Running" for pod in cluster.job_pods(job))


def look(namespace: str, pod: str) -> list[Json]:
    """Look at the processes of a pod: process 1, and its children if it has any."""
    command = [str(KUBECTL), "exec", "-n", namespace, pod, "--", "python3", "-c", LOOK]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    seen: list[Json] = json.loads(said)
    # What kubectl exec started has its parent outside of the pod, which shows as 0, as process 1's does.
    return sorted((each for each in seen if each["pid"] == 1 or each["parent"] == 1), key=lambda each: int(each["pid"]))


def change(before: Json, after: Json) -> Json:
    """Return the sizes at the end, and the processor time until the start was over and in the quiet while."""
    return {
        "rss": after["rss"],
        "pss": after["pss"],
        "threads": after["threads"],
        "cpu_to_start": before["cpu"],
        "cpu_quiet": after["cpu"] - before["cpu"],
    }


def report(samples: dict[str, list[Json]], quiet_seconds: int) -> None:
    """Print the medians, and the supervisor's as a share of the bare bot's."""

    def middle(kind: str, what: str) -> float:
        return statistics.median(float(each[what]) for each in samples[kind])

    rows = [
        [
            kind,
            f"{middle(kind, 'rss') / 2**20:.0f} MiB",
            f"{middle(kind, 'pss') / 2**20:.0f} MiB",
            f"{middle(kind, 'rss') / middle(BARE, 'rss'):.2f}",
            figures.seconds(middle(kind, "cpu_to_start")),
            f"{middle(kind, 'cpu_quiet') / quiet_seconds:.2%}",
            f"{middle(kind, 'threads'):g}",
        ]
        for kind in samples
    ]
    columns = ["process", "RSS", "PSS", "RSS / bare", "CPU until started", "CPU when quiet", "threads"]
    figures.show(f"In the pod, {len(samples[BARE])} runs each (medians)", columns, rows)


if __name__ == "__main__":
    main()
