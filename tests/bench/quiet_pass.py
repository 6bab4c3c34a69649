"""What the decisions of a quiet pass cost the operator's processor, without a cluster: parse, plan, derive the status.

    python -m tests.bench.quiet_pass --rounds 50

Each round measures all stages in turn, and how long Python's own JSON parser takes for the same session, pod and
snapshot. Times differ from machine to machine; the ratio to that parser says how much the operator adds.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from botsession_contract.control import SessionSnapshot
from botsession_contract.json_codec import decode, encode
from botsession_contract.names import SESSION_FINALIZER
from botsession_operator.api.spec import Json
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from botsession_operator.core.observe.observed import Observed
from botsession_operator.core.observe.parse import parse_pod, parse_session
from botsession_operator.core.status.derive import Applied, derive_status
from tests.bench import figures
from tests.builders import NOW, raw_session, snapshot

TIMEOUTS: Final = ControllerTimeouts()
NOTHING: Final = Applied()
SETTINGS: Final = PodSettings("registry.example/runtime:1", Injection.IMAGE_VOLUME, "http://operator:8475")
#: Calls of a stage that are measured at once, since one takes some tens of microseconds.
CALLS: Final = 20
JSON: Final = "json.loads"


@dataclass(frozen=True, slots=True)
class QuietPass:
    """What a pass over a running session reads, as the API server and the supervisor send it."""

    session: Json
    pod: Json
    snapshot: Json

    @property
    def observed(self) -> Observed:
        """Parse everything, as a pass does."""
        return Observed(parse_session(self.session), parse_pod(self.pod), decode(SessionSnapshot, self.snapshot))

    def run(self) -> None:
        """Make one pass without its requests; raise AssertionError if it is not quiet."""
        observed = self.observed
        plan = make_plan(observed, NOW, TIMEOUTS)
        status = derive_status(observed, plan, NOTHING, NOW)
        assert status == observed.session.status, "the pass has something to write"


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, rounds=50)
    samples = measure(quiet_pass(), options.rounds)
    report(samples)
    figures.keep("quiet_pass", samples)


def quiet_pass() -> QuietPass:
    """Return a running session whose status is up to date, its pod and its supervisor's answer."""
    raw = raw_session(creationTimestamp=(NOW - timedelta(minutes=1)).isoformat(), finalizers=[SESSION_FINALIZER])
    manifest = build_pod(parse_session(raw), "0" * 64, SETTINGS)
    metadata = {**manifest["metadata"], "uid": "pod-uid", "resourceVersion": "3"}
    running = {"name": "bot", "ready": True, "state": {"running": {"startedAt": "2026-01-31T11:59:05Z"}}}
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": "2026-01-31T11:59:02Z"}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    status = {"phase": "Running", "podIP": "10.0.0.7", "conditions": conditions, "containerStatuses": [running]}
    spec = {**manifest["spec"], "nodeName": "node-1"}
    read = QuietPass(raw, {**manifest, "metadata": metadata, "spec": spec, "status": status}, encode(snapshot()))
    observed = read.observed
    recorded = derive_status(observed, make_plan(observed, NOW, TIMEOUTS), NOTHING, NOW)
    return QuietPass({**raw, "status": encode(recorded)}, read.pod, read.snapshot)


def measure(read: QuietPass, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each stage, a sample a round."""
    texts = [json.dumps(each) for each in (read.session, read.pod, read.snapshot)]
    observed = read.observed
    plan = make_plan(observed, NOW, TIMEOUTS)
    stages: dict[str, Callable[[], object]] = {
        JSON: lambda: [json.loads(text) for text in texts],
        "parse session": lambda: parse_session(read.session),
        "parse pod": lambda: parse_pod(read.pod),
        "parse snapshot": lambda: decode(SessionSnapshot, read.snapshot),
        "plan": lambda: make_plan(observed, NOW, TIMEOUTS),
        "derive status": lambda: derive_status(observed, plan, NOTHING, NOW),
        "whole pass": read.run,
    }
    samples: dict[str, list[float]] = {name: [] for name in stages}
    for number in range(rounds + 1):
        for name, stage in stages.items():
            seconds = _seconds(stage)
            if number:  # the first round fills caches
                samples[name].append(seconds)
    return samples


def report(samples: dict[str, list[float]]) -> None:
    """Print the fastest run of each stage: whatever else the machine does only adds to a time."""
    base = min(samples[JSON])
    rows = [[name, f"{min(times) * 1e6:.0f} µs", f"{min(times) / base:.2f}"] for name, times in samples.items()]
    figures.show("A quiet pass, without its requests", ["stage", "fastest", f"ratio to {JSON}"], rows)


def _seconds(stage: Callable[[], object]) -> float:
    begun = time.process_time_ns()
    for _ in range(CALLS):
        stage()
    return (time.process_time_ns() - begun) / CALLS / 1e9


if __name__ == "__main__":
    main()
