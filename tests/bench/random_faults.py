"""Sessions lost, doubled and orphaned under random faults at random moments: the goal is 0 / 0 / 0.

    python -m tests.bench.random_faults --sessions 200 --together 10 --seed 1

Sessions run in rounds. Each session has a life, an end and a fault of its own, drawn from the seed, and each round a
fault that strikes the whole cluster; they strike whenever they happen to. The faults are those of the fault table
(tests/faults); here nothing is brought to a moment first, and several may strike one session.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from kubernetes import client, config

from tests.bench import figures
from tests.e2e.world import History
from tests.faults import subject, table
from tests.faults.causes import struck
from tests.faults.cell import Played
from tests.faults.proxy import Proxy
from tests.faults.window import namespace

#: Struck at one session each; a wedged supervisor takes minutes of the kubelet's patience, so it is left to the table.
OF_SESSIONS: Final = (
    "supervisor-killed",
    "bot-killed",
    "pod-deleted",
    "pod-deleted-by-force",
    "answer-409",
    "answer-429",
    "answer-500",
    "answer-lost",
    "no-answer",
)
OF_ALL: Final = ("operator-killed", "connection-refused", "watch-410", "watch-silent", "relist", "node-paused")
#: For how long requests go wrong, where the table leaves it to a number of them.
LASTING_SECONDS: Final = 5.0
#: A session that has not finished by then is lost, and what is left of it after as long again is an orphan.
PATIENCE_SECONDS: Final = 150.0


@dataclass(frozen=True, slots=True)
class Life:
    """What one session is to go through; times count from its creation."""

    moment: table.Moment
    cause: str
    #: spec.end, or `delete`, or nothing, which leaves it to maxSessionDuration.
    end: str
    ends_after: float
    struck_after: float


@dataclass(slots=True)
class Tally:
    """What became of all sessions."""

    endings: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def main() -> None:
    """Run, print, keep."""
    options = figures.arguments(__doc__, sessions=200, together=10, seed=random.randrange(10**6))  # noqa: S311  # not a secret
    os.environ.setdefault("KUBECONFIG", str(figures.ROOT / ".tools/kubeconfig"))
    config.load_kube_config(os.environ["KUBECONFIG"])
    print(f"seed {options.seed}", flush=True)
    rng = random.Random(options.seed)  # noqa: S311  # not a secret
    tally, began = Tally(), time.monotonic()
    with subject.subject() as proxy:
        for first in range(0, options.sessions, options.together):
            count = min(options.together, options.sessions - first)
            _round([draw(rng) for _ in range(count)], rng.choice(OF_ALL), rng.uniform(1, 12), proxy, tally)
            print(f"{first + count} sessions after {time.monotonic() - began:.0f} s: {verdict(tally)}", flush=True)
    report(options.sessions, options.seed, tally)


def draw(rng: random.Random) -> Life:
    """Draw a life."""
    body = {name: rng.choice((0, 0, 1, 3)) for name in ("starts", "says", "EndFrame", "CancelFrame")}
    spec = {"maxSessionDuration": f"{rng.randint(1, 12)}s", "shutdown": {"farewell": rng.choice(("", "Goodbye."))}}
    moment = table.Moment("any", "whenever", (), body=body, spec=spec)
    end = rng.choice(("", "", "Graceful", "Immediate", "delete"))
    return Life(moment, rng.choice(OF_SESSIONS), end, rng.uniform(0, 12), rng.uniform(0.5, 14))


def _round(lives: Sequence[Life], shared: str, after: float, proxy: Proxy, tally: Tally) -> None:
    causes = table.causes()
    cause = causes[shared]
    with namespace() as world, ThreadPoolExecutor(max_workers=3 * len(lives) + 1) as threads:
        cells = [table.Cell(replace(causes[life.cause], moments=("any",)), life.moment) for life in lives]
        played = [Played(cell, world, proxy, f"s{number}") for number, cell in enumerate(cells)]
        living = [threads.submit(_live, each, life, tally) for each, life in zip(played, lives, strict=True)]
        _pass(after)
        with suppress(AssertionError):  # it has found nothing to strike
            with struck(cause, [], proxy):
                _pass(min(cause.lasts or LASTING_SECONDS, 10))
            tally.struck[shared] += len(lives)
        for each in living:
            each.result()


def _live(played: Played, life: Life, tally: Tally) -> None:
    """Live a session, and see what is left of it."""
    played.start()
    steps: list[tuple[float, Callable[[], None]]] = [(life.struck_after, lambda: _strike(played, tally))]
    if life.end == "delete":
        steps.append((life.ends_after, lambda: played.world.delete(played.session)))
    elif life.end:
        steps.append((life.ends_after, lambda: played.world.edit(played.session, end=life.end)))
    began = time.monotonic()
    for due, step in sorted(steps, key=lambda each: each[0]):
        _pass(began + due - time.monotonic())
        with suppress(client.ApiException):  # it may be gone by now
            step()
    _judge(played, tally)


def _strike(played: Played, tally: Tally) -> None:
    """Strike; a process that is not there yet, or no longer, cannot be."""
    played.find_processes()
    if played.slipped:
        return
    with struck(played.cell.cause, [played], played.proxy):
        _pass(min(played.cell.cause.lasts or LASTING_SECONDS, 10))
    if not played.slipped and (played.fault is None or played.fault.hits):
        with tally.lock:
            tally.struck[played.cell.cause.name] += 1


def _judge(played: Played, tally: Tally) -> None:
    name, session = f"{played.world.namespace}/{played.name}", played.session
    history = session.history
    if not history.wait_for(lambda: bool(history.finishes) or history.is_gone, PATIENCE_SECONDS) or was_lost(history):
        tally.lost.append(name)
        print(f"lost: {name}: {session.seen()}", flush=True)
        return
    try:
        played.world.nothing_is_left(session, PATIENCE_SECONDS)
        with suppress(client.ApiException):
            played.world.delete(session)
        session.goes(PATIENCE_SECONDS)
    except AssertionError as exc:
        tally.orphaned.append(name)
        print(f"orphaned: {exc}", flush=True)
    if not history.finishes:
        with tally.lock:
            tally.endings["deleted before the operator had written anything"] += 1
        return
    if len(history.finishes) > 1:
        tally.doubled.append(name)
        print(f"doubled: {name}: {history.finishes}", flush=True)
    with tally.lock:
        tally.endings[f"{history.finishes[0]['reason']}/{history.finishes[0]['outcome']}"] += 1


def was_lost(history: History) -> bool:
    """Tell a session that went without a finish from one that its user deleted before the operator held it."""
    return history.is_gone and not history.finishes and any(each.get("status") for each in history.versions)


def verdict(tally: Tally) -> str:
    """Say the three numbers."""
    return f"lost / doubled / orphaned = {len(tally.lost)} / {len(tally.doubled)} / {len(tally.orphaned)}"


def report(sessions: int, seed: int, tally: Tally) -> None:
    """Print what struck, how sessions ended, and the verdict."""
    figures.show("Faults", ["fault", "sessions"], [[name, str(count)] for name, count in tally.struck.most_common()])
    figures.show("Endings", ["ending", "sessions"], [[name, str(count)] for name, count in tally.endings.most_common()])
    print(f"{sessions} sessions, seed {seed}: {verdict(tally)}")
    figures.keep("random_faults", {"seed": seed, "endings": dict(tally.endings), "struck": dict(tally.struck)})


def _pass(seconds: float) -> None:
    threading.Event().wait(max(0.0, seconds))


if __name__ == "__main__":
    main()
