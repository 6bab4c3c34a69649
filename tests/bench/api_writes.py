"""API writes per session, counted from the API server's audit log: who wrote what, for three endings and a bare Job.

    python -m tests.bench.api_writes --runs 3

Every write goes through etcd, and clusters that run many short conversations are bounded by it. Counted are writes to
sessions, pods and Events (hack/audit-policy.yaml), not the benchmark's own create, edit and delete.
"""

import statistics
from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.bench import audit, bare_bot, figures
from tests.bench.harness import Bench, bench, last_words

#: Who, what on what; how often.
Writes = dict[str, int]

#: Events are written by many hands and can be lost without harm, so they are summed up apart.
EVENTS: Final = "events"
TOTALS: Final = ("operator", "all")


def main() -> None:
    """Count, print, keep."""
    options = figures.arguments(__doc__, runs=3)
    endings: dict[str, Callable[[Bench], None]] = {
        "Completed": completed,
        "MaxDuration": max_duration,
        "Deleted": deleted,
        "bare Job": bare_job,
    }
    counts = {ending: [count(run) for _ in range(options.runs)] for ending, run in endings.items()}
    report(counts)
    figures.keep("api_writes", counts)


def count(run: Callable[[Bench], None]) -> Writes:
    """Run one session in a namespace of its own, which tells its requests from all others."""
    with bench("writes") as cluster:
        run(cluster)
        stamped = audit.requests(cluster.namespace)
    written = [each for each in stamped if each.is_write and each.user != audit.OURSELVES]
    return dict(Counter(f"{each.user}: {each.verb} {each.resource}" for each in written))


def completed(cluster: Bench) -> None:
    """Let the bot end itself, and delete the session when all is over."""
    cluster.create_session("session", {"target": "completes.py"})
    cluster.until(lambda: is_cleaned_up(cluster), "cleaned up")
    cluster.left("session")


def max_duration(cluster: Bench) -> None:
    """Let its time run out."""
    cluster.create_session("session", {"target": "quiet.py"}, maxSessionDuration="5s")
    cluster.until(lambda: is_cleaned_up(cluster), "cleaned up")
    cluster.left("session")


def deleted(cluster: Bench) -> None:
    """Delete it while it runs."""
    cluster.create_session("session", {"target": "quiet.py"})
    cluster.running("session")
    cluster.left("session")


def bare_job(cluster: Bench) -> None:
    """Run the same bot as a Job and delete the Job, for comparison."""
    cluster.create_job("job", bare_bot.command("python3", "/dev/termination-log"))
    cluster.until(lambda: any(last_words(pod) for pod in cluster.job_pods("job")), "the Job's bot ended")
    cluster.delete_job("job")
    cluster.until(lambda: not cluster.job_pods("job"), "the Job gone")


def is_cleaned_up(cluster: Bench) -> bool:
    """Return whether the session has finished and its pod is gone."""
    return "finish" in cluster.status("session") and not cluster.pods()


def report(counts: dict[str, list[Writes]]) -> None:
    """Print the medians, by who and what, and the totals."""
    kinds = sorted({kind for runs in counts.values() for run in runs for kind in run}, key=order)
    rows = [[kind, *(middle([run.get(kind, 0) for run in runs]) for runs in counts.values())] for kind in kinds]
    rows += [
        [f"total, {who}, without Events", *(middle(totals(runs, who)) for runs in counts.values())] for who in TOTALS
    ]
    note = "A Job's own object is not in the audit policy: two to three writes to it come on top."
    figures.show("API writes of one session (medians)", ["who: what", *counts], rows, note)


def order(kind: str) -> tuple[bool, bool, str]:
    """Put the operator first and Events last."""
    return (kind.endswith(EVENTS), not kind.startswith("operator"), kind)


def totals(runs: list[Writes], who: str) -> list[int]:
    """Sum up what was written, Events apart."""
    return [
        sum(
            number
            for kind, number in run.items()
            if not kind.endswith(EVENTS) and (who == "all" or kind.startswith(who))
        )
        for run in runs
    ]


def middle(numbers: list[int]) -> str:
    """Write a median of counts; a dash for none."""
    return f"{statistics.median(numbers):g}" if any(numbers) else "-"


if __name__ == "__main__":
    main()
