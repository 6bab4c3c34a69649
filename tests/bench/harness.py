"""The cluster as the benchmarks use it: a namespace of their own, what is in it by three watches, sessions and Jobs.

One watch for each kind, however many sessions there are, since the watcher shares its processors with what it measures.
Objects stay plain JSON for the same reason.
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from kubernetes import client, config

from botsession_contract.names import API_VERSION, GROUP, KIND, PLURAL, SESSION_LABEL, VERSION
from tests.bench.figures import ROOT

Json = dict[str, Any]

IMAGE: Final = "botsession/testbot:dev"
#: A node that is busy with other things starts a pod late; one that never does must not keep a benchmark for ever.
PATIENCE_SECONDS: Final = 120.0
WATCH_SECONDS: Final = 300
#: How long a namespace with thousands of objects may take to go.
GOING_SECONDS: Final = 600.0


class Bench:
    """A namespace, and what three watches have seen in it."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.core = client.CoreV1Api()
        self._sessions = client.CustomObjectsApi()
        self._jobs = client.BatchV1Api()
        self._seen: dict[tuple[str, str], Json] = {}
        #: Exit reports by session: a pod's last words, which go with the pod.
        self._reports: dict[str, Json] = {}
        self._changed = threading.Condition()
        self._is_over = False

    def watch(self) -> None:
        """Start watching; the threads end with the program, or when `close` is called and their watch runs out."""
        session_list = (GROUP, VERSION, self.namespace, PLURAL)
        for kind, call, place in (
            ("pod", self.core.list_namespaced_pod, (self.namespace,)),
            ("session", self._sessions.list_namespaced_custom_object, session_list),
            ("job", self._jobs.list_namespaced_job, (self.namespace,)),
        ):
            threading.Thread(target=self._follow, args=(kind, call, place), daemon=True).start()

    def wait_until_gone(self) -> None:
        """Wait until the closed namespace is gone, so that its deletion is no load on what is measured next."""
        field, deadline = f"metadata.name={self.namespace}", time.time() + GOING_SECONDS
        while self.core.list_namespace(field_selector=field).items:
            if time.time() > deadline:
                raise TimeoutError(f"the namespace {self.namespace} is not gone after {GOING_SECONDS:.0f} s")
            time.sleep(0.5)

    def close(self) -> None:
        """Stop watching and delete the namespace, without waiting for it."""
        self._is_over = True
        self.core.delete_namespace(self.namespace)

    def create_session(self, name: str, bot: Json, **spec: Any) -> float:
        """Create a session; give the time at which the request was sent."""
        metadata = {"name": name, "namespace": self.namespace}
        spec = {"bot": {"image": IMAGE, **bot}, **spec}
        manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}
        sent = time.time()
        self._sessions.create_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, manifest)
        return sent

    def edit(self, name: str, **spec: Any) -> float:
        """Change a session's spec; give the time at which the request was sent."""
        sent = time.time()
        place = (GROUP, VERSION, self.namespace, PLURAL, name)
        self._sessions.patch_namespaced_custom_object(*place, {"spec": spec})
        return sent

    def delete(self, name: str) -> float:
        """Ask for a session's deletion; give the time at which the request was sent."""
        sent = time.time()
        self._sessions.delete_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, name)
        return sent

    def release_session(self, name: str) -> None:
        """Take away what holds a session when it is deleted."""
        place = (GROUP, VERSION, self.namespace, PLURAL, name)
        self._sessions.patch_namespaced_custom_object(*place, {"metadata": {"finalizers": None}})

    def release_pod(self, name: str) -> None:
        """Take away what holds a pod when it is deleted."""
        self.core.patch_namespaced_pod(name, self.namespace, {"metadata": {"finalizers": None}})

    def create_job(self, name: str, command: list[str], labels: dict[str, str] | None = None, **pod: Any) -> float:
        """Create a Job that runs a command once; give the time at which the request was sent."""
        container = {"name": "bot", "image": IMAGE, "command": command}
        pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container], **pod}
        spec = {"backoffLimit": 0, "template": {"metadata": {"labels": labels or {}}, "spec": pod}}
        manifest: Any = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
        sent = time.time()
        self._jobs.create_namespaced_job(self.namespace, manifest)
        return sent

    def delete_job(self, name: str) -> None:
        """Delete a Job and its pod."""
        self._jobs.delete_namespaced_job(name, self.namespace, propagation_policy="Background")

    def names(self) -> list[str]:
        """Return the names of all sessions that were last seen."""
        with self._changed:
            return [name for kind, name in self._seen if kind == "session"]

    def session(self, name: str) -> Json:
        """Return a session as last seen; empty when there is none."""
        return self._seen.get(("session", name), {})

    def status(self, name: str) -> Json:
        """Return a session's status as last seen."""
        found: Json = self.session(name).get("status", {})
        return found

    def is_job_complete(self, name: str) -> bool:
        """Return whether a Job was complete when last seen."""
        conditions = self._seen.get(("job", name), {}).get("status", {}).get("conditions", [])
        return any(each["type"] == "Complete" and each["status"] == "True" for each in conditions)

    def pods(self, label: str = SESSION_LABEL, value: str | None = None) -> list[Json]:
        """Return the pods that have a label, with this value if one is given."""
        with self._changed:
            pods = [seen for (kind, _), seen in self._seen.items() if kind == "pod"]
        found = ((pod, pod["metadata"].get("labels", {}).get(label)) for pod in pods)
        return [pod for pod, has in found if has is not None and value in (None, has)]

    def job_pods(self, name: str) -> list[Json]:
        """Return the pods of a Job."""
        return self.pods("batch.kubernetes.io/job-name", name)

    def report(self, name: str) -> Json | None:
        """Return a session's exit report, as its supervisor wrote it, once it has been seen."""
        return self._reports.get(name)

    def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait until something holds of what was seen."""
        with self._changed:
            if not self._changed.wait_for(holds, timeout=PATIENCE_SECONDS):
                seen = json.dumps([value.get("status") for value in self._seen.values()], indent=1)
                raise TimeoutError(f"not {what} within {PATIENCE_SECONDS:.0f} s; in the namespace:\n{seen}")

    def running(self, name: str) -> Json:
        """Wait until a session's pipeline runs; give its status."""
        self.until(lambda: self.status(name).get("phase") in ("Running", "Failed", "Succeeded"), f"{name} running")
        return self.status(name)

    def reported(self, name: str) -> Json:
        """Wait for a session's exit report."""
        self.until(lambda: name in self._reports, f"{name} reported")
        return self._reports[name]

    def left(self, name: str) -> None:
        """Delete a session if it is there still, and wait until it and its pods are gone."""
        if self.session(name):
            self.delete(name)
        self.until(lambda: not self.session(name) and not self.pods(value=name), f"{name} gone")

    def _follow(self, kind: str, call: Callable[..., Any], place: tuple[str, ...]) -> None:
        options: Json = {"watch": True, "timeout_seconds": WATCH_SECONDS, "_preload_content": False}
        while not self._is_over:
            for line in _lines(call(*place, **options)):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise RuntimeError(f"the watch of {kind}s broke: {event['object']}")
                # From here the next watch goes on, so that no deletion falls between two.
                options["resource_version"] = event["object"]["metadata"]["resourceVersion"]
                self._learn(kind, event["type"], event["object"])

    def _learn(self, kind: str, change: str, seen: Json) -> None:
        key = (kind, seen["metadata"]["name"])
        session = seen["metadata"].get("labels", {}).get(SESSION_LABEL)
        with self._changed:
            if change == "DELETED":
                self._seen.pop(key, None)
            else:
                self._seen[key] = seen
            if kind == "pod" and session and (said := last_words(seen)):
                self._reports[session] = json.loads(said)
            self._changed.notify_all()


def last_words(pod: Json) -> str:
    """Return the termination message of a pod's bot; empty before its end."""
    states = pod.get("status", {}).get("containerStatuses", [])
    ended: Json = states[0]["state"].get("terminated", {}) if states else {}
    return str(ended.get("message", ""))


def connect() -> None:
    """Use the test cluster."""
    os.environ.setdefault("KUBECONFIG", str(ROOT / ".tools/kubeconfig"))
    config.load_kube_config(os.environ["KUBECONFIG"])


@contextmanager
def bench(name: str) -> Iterator[Bench]:
    """Return a namespace on the test cluster, with the operator there already; say what is missing otherwise."""
    connect()
    _require_operator()
    namespace = f"bench-{name}-{uuid.uuid4().hex[:6]}"
    client.CoreV1Api().create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
    made = Bench(namespace)
    made.watch()
    try:
        yield made
    finally:
        made.close()


def moment(text: str) -> float:
    """Read a time of the API, in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def _require_operator() -> None:
    found = client.AppsV1Api().list_deployment_for_all_namespaces(
        label_selector="app.kubernetes.io/name=botsession-operator"
    )
    if not any(each.status and each.status.ready_replicas for each in found.items):
        raise SystemExit("no operator is ready on the cluster: run this with --install, or install the chart first")


def _lines(response: Any) -> Iterator[bytes]:
    unread = b""
    for chunk in response.stream(amt=None, decode_content=False):
        *lines, unread = (unread + chunk).split(b"\n")
        yield from (line for line in lines if line)
