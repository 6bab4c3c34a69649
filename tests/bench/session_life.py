"""What sessions cost the operator's processor from creation to deletion, by stage, without a cluster.

    python -m tests.bench.session_life --sessions 300 --together 100 --talk 3

This process is the whole operator. The API server, kubelet and supervisors are one other process. A timer of processor
time shows each millisecond what the operator does; logs go to /dev/null. Times differ from machine to machine, and with
all else that runs there: the ratio to Python's own JSON parser, measured all through the run, says more.
"""

import asyncio
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, Final

import aiohttp

from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.manifests.pod import Injection
from botsession_operator.effects import api
from botsession_operator.log import LogFormat, configure_log
from botsession_operator.operate import operate
from botsession_operator.settings import Settings
from tests.apiserver import kubeconfig
from tests.bench import figures, life_server
from tests.bench.quiet_pass import quiet_pass
from tests.ports import free_port

Json = dict[str, Any]
YARDSTICK: Final = "yardstick"
#: The first stage of which a function on the stack is a part has the sample: its files, or file and function.
STAGES: Final = {
    YARDSTICK: ("session_life.py:calibrate",),
    "Events": ("kubernetes.py:record_event",),
    "log": ("/loguru/", "/log.py:", "/logging/"),
    "metrics": (
        "/metrics.py:count",
        "/metrics.py:set_phase",
        "/metrics.py:note",
        "/prometheus_client/",
        "/metric_collectors.py:",
    ),
    "parse": ("/watch_store.py:", "/observe/parse.py:", "/json_codec.py:decode", "/api/spec.py:", "/bounded_json.py:"),
    "watch": ("/kopf/", "/effects/watching.py:", "/handlers.py:"),
    "plan": ("/core/decide/", "/core/observe/"),
    "status": ("/core/status/", "/api/fitting.py:", "/status_recorder.py:_report", "/json_codec.py:"),
    "manifest": ("/core/manifests/",),
    "request": ("/effects/api.py:", "/effects/kubernetes.py:"),
    "supervisor": ("/effects/control.py:", "/supervisor_poller.py:"),
    "HTTP": ("/aiohttp/", "/yarl/", "/multidict/"),
    "pass": ("/reconcile/", "/queue.py:", "/botsession_operator/"),
    "event loop": ("",),
}
#: What the operator counts: a name, and a metric with the first of its labels.
COUNTED: Final = {
    "passes": "botsession_reconcile_seconds_count",
    "passes that failed": "botsession_reconcile_errors_total",
    "requests to supervisors": "botsession_control_requests_total",
}
SAMPLE_SECONDS: Final = 0.001
YARDSTICK_SECONDS: Final = 0.02
YARDSTICK_CALLS: Final = 10


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, sessions=300, together=100, talk=3)
    parent, child = multiprocessing.Pipe()
    args = (child, options.sessions, options.together, float(options.talk))
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=args, daemon=True)
    server.start()
    child.close()  # so that the end of the other process shows
    with tempfile.TemporaryDirectory() as folder:
        samples = asyncio.run(measure(Path(folder), parent))
    server.terminate()
    report(samples, options.sessions)
    figures.keep("session_life", samples)


async def measure(folder: Path, pipe: Any) -> Json:
    """Run the operator while the sessions live; return what that cost, and the samples by stage."""
    url, port, stop = await _received(pipe), free_port(), asyncio.Event()
    file = kubeconfig(folder, url)
    os.environ["KUBECONFIG"] = str(file)
    keys = ControlKeys(b"the operator's key for its benchmark")
    settings = Settings(keys, "registry.example/runtime:1", Injection.IMAGE_VOLUME, "127.0.0.1", port, kubeconfig=file)
    with Path(os.devnull).open("w") as nowhere:
        printed, sys.stdout = sys.stdout, nowhere
        configure_log(LogFormat.JSON, "info")
        async with await api.connect(file) as connected:
            operating = asyncio.create_task(operate(connected, settings, stop))
            await _received(pipe)
            before, profile = time.process_time(), Profile()
            pipe.send("go")
            yardstick = Yardstick()
            measuring = asyncio.create_task(yardstick.calibrate())
            with profile:
                lived = await _received(pipe)
            cpu = time.process_time() - before - yardstick.seconds
            measuring.cancel()
            counted = {name: await _counted(port, metric) for name, metric in COUNTED.items()}
            stop.set()
            await operating
        sys.stdout = printed
    pipe.send("end")
    found = {"cpu": cpu, "counted": counted, "yardstick": yardstick.seconds / yardstick.count}
    return {**lived, **found, "stages": dict(profile.stages)}


class Yardstick:
    """How long Python's JSON parser takes for a session, measured now and then while all else goes on."""

    def __init__(self) -> None:
        self.seconds, self.count = 0.0, 0
        self._text = json.dumps(quiet_pass().session)

    async def calibrate(self) -> None:
        """Measure until cancelled."""
        while True:
            await asyncio.sleep(YARDSTICK_SECONDS)
            begun = time.thread_time()
            for _ in range(YARDSTICK_CALLS):
                json.loads(self._text)
            self.seconds += time.thread_time() - begun
            self.count += YARDSTICK_CALLS


class Profile:
    """Counts, in steps of processor time, what the main thread does."""

    def __init__(self) -> None:
        self.stages: Counter[str] = Counter()
        #: Stacks of files and functions, innermost first, for whoever looks deeper.
        self.stacks: Counter[str] = Counter()

    def __enter__(self) -> None:
        """Begin."""
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)

    def __exit__(self, *_: object) -> None:
        """End."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        if path := os.environ.get("BENCH_STACKS"):
            Path(path).write_text("".join(f"{stack} {count}\n" for stack, count in self.stacks.most_common()))

    def _sample(self, _: int, frame: FrameType | None) -> None:
        stack = []
        while frame:
            stack.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")
            frame = frame.f_back
        self.stacks[";".join(reversed(stack))] += 1
        if (stage := stage_of(stack)) != YARDSTICK:
            self.stages[stage] += 1


def stage_of(stack: list[str]) -> str:
    """Return the stage that a stack belongs to."""
    return next(name for name, parts in STAGES.items() if any(part in each for part in parts for each in stack))


def report(samples: Json, sessions: int) -> None:
    """Print what a life costs."""
    each, total = samples["cpu"] / sessions * 1000, sum(samples["stages"].values())
    requests, events = sum(samples["requests"].values()), sum(samples["events"].values())
    rows = [
        ["processor time of the operator for a life", f"{each:.2f} ms"],
        ["ratio to json.loads of a session", f"{each / samples['yardstick'] / 1000:.0f}"],
        ["requests to the API server", f"{requests / sessions:.2f}"],
        ["watch events", f"{events / sessions:.2f}"],
        *([name, f"{count / sessions:.2f}"] for name, count in samples["counted"].items()),
        ["lives a second", f"{sessions / samples['seconds']:.1f}"],
    ]
    for phase, waits in samples["reached"].items():
        if phase not in ("created", "Pending"):
            rows.append([f"seen as {phase} after (p50, p90, p99, most)", " ".join(figures.spread(waits))])
    figures.show(f"{sessions} session lives", ["", "measured"], rows)
    stages = sorted(samples["stages"].items(), key=lambda item: -item[1])
    rows = [[name, f"{each * count / total:.2f} ms", f"{100 * count / total:.0f} %"] for name, count in stages]
    figures.show("Processor time of a life, by stage", ["stage", "of a life", "share"], rows)


async def _received(pipe: Any) -> Any:
    """Wait for what the other process sends, without a thread, which would count as the operator's."""
    loop, found = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pipe.fileno(), found.set)
    await found.wait()
    loop.remove_reader(pipe.fileno())
    return pipe.recv()


async def _counted(port: int, metric: str) -> float:
    """Return a counter of the operator."""
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith(metric))


def _serve(pipe: Any, sessions: int, together: int, talk_seconds: float) -> None:
    asyncio.run(life_server.serve(pipe, sessions, together, talk_seconds))


if __name__ == "__main__":
    main()
