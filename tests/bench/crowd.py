"""Many sessions at once, on the node that kwok plays: what is done to all of them, several at a time."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Final

from kubernetes import client

from tests.bench.harness import Bench
from tests.bench.kwok import on_the_node

#: The cluster's only worker, which runs the operator and all pods but those of kwok's node.
WORKER: Final = f"{os.environ.get('CLUSTER', 'botsession')}-worker"
#: A session that is deleted costs its ladder and a margin.
SHORT: Final = {"gracePeriod": "1s", "cancelPeriod": "1s"}
#: Requests to create or delete sessions of the crowd at once.
HANDS: Final = 8
#: How long the cluster may take to make or to clear the crowd, for each of its sessions, in seconds.
PATIENCE_EACH: Final = 0.5


def create(cluster: Bench, names: list[str], labels: dict[str, str] | None = None) -> None:
    """Create sessions whose pods are on the node."""
    at_once(lambda name: create_one(cluster, name, labels), names)


def create_one(cluster: Bench, name: str, labels: dict[str, str] | None = None, **spec: str) -> None:
    """Create a session whose pod is on the node and has these labels."""
    bot, template = {"target": "quiet.py"}, on_the_node(labels)
    cluster.create_session(name, bot, startTimeout="1h", shutdown=SHORT, podTemplate=template, **spec)


def at_once(do: Callable[[str], Any], names: list[str]) -> None:
    """Send a request for each name, as fast as the API server takes them from here."""
    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(do, names))


def clear(cluster: Bench, names: list[str]) -> None:
    """Delete the crowd, and wait until it is gone."""
    at_once(cluster.delete, list(filter(cluster.session, names)))
    until(cluster, lambda: not any(map(cluster.session, names)), patience(names), "the crowd is gone")


def drop(cluster: Bench) -> None:
    """Take away what holds the sessions and their pods, while no operator runs. They go with their namespace."""
    at_once(_if_there(cluster.release_pod), [pod["metadata"]["name"] for pod in cluster.pods()])
    at_once(_if_there(cluster.release_session), cluster.names())


def until(cluster: Bench, holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for what a crowd takes long for; raise TimeoutError, with some of the pods, when it is late."""
    deadline = time.time() + seconds
    while not holds():
        if time.time() > deadline:
            raise TimeoutError(f"not in time: {what}; {json.dumps([pod['status'] for pod in cluster.pods()[:3]])}")
        time.sleep(0.25)


def patience(names: list[str]) -> float:
    """Return for how many seconds one waits for what happens to all of a crowd."""
    return 120 + len(names) * PATIENCE_EACH


def _if_there(do: Callable[[str], Any]) -> Callable[[str], None]:
    """Return what does it, and passes over an object that has gone meanwhile."""

    def tried(name: str) -> None:
        try:
            do(name)
        except client.ApiException as exc:
            if exc.status != HTTPStatus.NOT_FOUND:
                raise

    return tried
