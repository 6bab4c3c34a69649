"""The words that the e2e tests are written in: given a session, when something happens, then eventually …

Everything goes through the API server, as a user does. Nothing here sleeps: each wait is a watch with an end, and a
wait that fails shows what was last seen.
"""

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubernetes import client, watch
from urllib3.exceptions import HTTPError

GROUP, VERSION, PLURAL = "botsession.dev", "v1alpha1", "botsessions"
SYSTEM_NAMESPACE = "botsession-system"
#: How kubectl finds the operator, and its pods.
OPERATOR = ("deployment", "botsession-operator", "-n", SYSTEM_NAMESPACE)
OPERATOR_PODS = ("-n", SYSTEM_NAMESPACE, "-l", "app.kubernetes.io/name=botsession-operator")
ROOT = Path(__file__).resolve().parents[2]
KUBECTL = ROOT / ".tools/bin/kubectl"

Json = dict[str, Any]


@dataclass(slots=True)
class History:
    """All versions of one session that a watch has shown, in their order."""

    versions: list[Json] = field(default_factory=list)
    is_gone: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, kind: str, version: Json) -> None:
        with self.changed:
            self.versions.append(version)
            self.is_gone = kind == "DELETED"
            self.changed.notify_all()

    def wait_for(self, holds: Callable[[], bool], within: float) -> bool:
        with self.changed:
            return self.changed.wait_for(holds, timeout=within)

    @property
    def last(self) -> Json:
        return self.versions[-1] if self.versions else {}

    @property
    def finishes(self) -> list[Json]:
        """Each finish that was ever recorded: a second one would be a session that ended twice."""
        recorded = (version.get("status", {}).get("finish") for version in self.versions)
        changes = [finish for finish, _ in itertools.groupby(recorded)]
        return [finish for finish in changes if finish]


@dataclass(slots=True)
class Session:
    """A session that a test has applied."""

    namespace: str
    name: str
    history: History

    @property
    def status(self) -> Json:
        status: Json = self.history.last.get("status", {})
        return status

    @property
    def finish(self) -> Json:
        finish: Json = self.status.get("finish", {})
        return finish

    def eventually(self, within: float = 60, **expected: object) -> "Session":
        """Wait until members of status have these values; `phase="Running"`."""
        return self.until(lambda status: all(status.get(k) == v for k, v in expected.items()), within, expected)

    def until(self, holds: Callable[[Json], bool], within: float = 60, what: object = "it") -> "Session":
        """Wait until something holds of the status."""
        if not self.history.wait_for(lambda: bool(self.history.versions) and holds(self.status), within):
            raise AssertionError(f"{self.name}: not {what} within {within} s; last seen:\n{self.seen()}")
        return self

    def finishes(self, within: float = 90) -> Json:
        """Wait for the end and give the one finish."""
        self.until(lambda status: "finish" in status, within, "finished")
        assert len(self.history.finishes) == 1, self.history.finishes
        return self.finish

    def goes(self, within: float = 60) -> "Session":
        """Wait until the object is gone."""
        if not self.history.wait_for(lambda: self.history.is_gone, within):
            raise AssertionError(f"{self.name}: still there after {within} s; last seen:\n{self.seen()}")
        return self

    def seen(self) -> str:
        """Show the session as last seen, its pods and its Events."""
        world = [json.dumps({k: self.history.last.get(k) for k in ("metadata", "status")}, indent=1)]
        world += [kubectl("get", what, "-n", self.namespace, "-o", "wide").stdout for what in ("pods", "events")]
        return "\n".join(world)


class World:
    """One test's namespace on the cluster."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._objects = client.CustomObjectsApi()
        self._core = client.CoreV1Api()
        self._stop = threading.Event()

    def session(self, name: str, **spec: Any) -> Session:
        """Apply a BotSession and watch it from its first version on."""
        bot = {"image": "botsession/testbot:dev"} | spec.pop("bot", {})
        manifest = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "BotSession",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"bot": bot, **spec},
        }
        session = Session(self.namespace, name, History())
        threading.Thread(target=self._watch, args=(session,), daemon=True).start()
        self._objects.create_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL, manifest)
        return session

    def edit(self, session: Session, **spec: Any) -> None:
        """Change members of the spec, as `kubectl patch` does."""
        self._objects.patch_namespaced_custom_object(
            GROUP, VERSION, session.namespace, PLURAL, session.name, {"spec": spec}
        )

    def delete(self, session: Session) -> None:
        """Delete a session, without waiting."""
        self._objects.delete_namespaced_custom_object(GROUP, VERSION, session.namespace, PLURAL, session.name)

    def pods(self, session: Session) -> list[str]:
        """List the pods of a session."""
        selector = f"botsession.dev/session={session.name}"
        found = self._core.list_namespaced_pod(self.namespace, label_selector=selector).items
        return [str(pod.metadata.name) for pod in found if pod.metadata]

    def has_a_pod(self, session: Session, within: float = 30) -> None:
        """Wait until the session's pod is made, which its status tells of only later."""
        wait_until(lambda: bool(self.pods(session)), within, f"{session.name} has a pod")

    def delete_pod(self, session: Session, grace: int | None = None) -> None:
        """Delete a session's pod by hand."""
        options = client.V1DeleteOptions(grace_period_seconds=grace)
        self._core.delete_namespaced_pod(session.status["podName"], self.namespace, body=options)

    def recorded(self) -> list[Json]:
        """List the status of each session of the namespace, as the API server has it now."""
        listed: Any = self._objects.list_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL)
        return [item.get("status", {}) for item in listed["items"]]

    def set_quota(self, pods: int) -> None:
        """Allow so many pods in the namespace."""
        quota = client.V1ResourceQuota(
            metadata=client.V1ObjectMeta(name="pods"), spec=client.V1ResourceQuotaSpec(hard={"pods": str(pods)})
        )
        if self._core.list_namespaced_resource_quota(self.namespace).items:
            self._core.replace_namespaced_resource_quota("pods", self.namespace, quota)
        else:
            self._core.create_namespaced_resource_quota(self.namespace, quota)

    def nothing_is_left(self, session: Session, within: float = 45) -> None:
        """Wait until no pod of the session is left."""
        selector = f"botsession.dev/session={session.name}"
        listed = self._core.list_namespaced_pod(self.namespace, label_selector=selector)
        if not listed.items:
            return
        # From the list's own version on, so that a pod that goes between the two is seen to go.
        version = listed.metadata.resource_version if listed.metadata else None
        since = {"resource_version": version, "timeout_seconds": int(within)}
        for _ in watch.Watch().stream(self._core.list_namespaced_pod, self.namespace, label_selector=selector, **since):
            if not self.pods(session):
                return
        assert not self.pods(session), session.seen()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _watch(self, session: Session) -> None:
        version: str | None = "0"
        while not self._stop.is_set() and not session.history.is_gone:
            stream = watch.Watch().stream(
                self._objects.list_namespaced_custom_object,
                *(GROUP, VERSION, self.namespace, PLURAL),
                field_selector=f"metadata.name={session.name}",
                resource_version=version,
                timeout_seconds=30,
            )
            # A connection that breaks costs nothing: the next watch goes on from the last version seen.
            with suppress(HTTPError):
                for event in stream:
                    version = event["object"]["metadata"]["resourceVersion"]
                    session.history.add(event["type"], event["object"])


def kubectl(*arguments: str | Path, stdin: str | None = None, timeout: float = 90) -> subprocess.CompletedProcess[str]:
    """Run kubectl as a user does."""
    return subprocess.run(
        [KUBECTL, *arguments], input=stdin, capture_output=True, text=True, timeout=timeout, check=False
    )


@contextmanager
def port_forward(namespace: str, pod: str, port: int) -> Iterator[int]:
    """Forward a free local port to a pod; give the local port."""
    command = [str(KUBECTL), "port-forward", "-n", namespace, f"pod/{pod}", f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()  # Forwarding from 127.0.0.1:41234 -> 8765
            yield int(line.split(" -> ")[0].rsplit(":", 1)[1])
        finally:
            process.terminate()


def operator_pod() -> str:
    """Name the pod of the operator that runs now."""
    listed = kubectl("get", "pods", *OPERATOR_PODS, "--field-selector", "status.phase=Running", "-o", "json").stdout
    (name,) = (str(pod["metadata"]["name"]) for pod in json.loads(listed)["items"])
    return name


def kill_operator(node_pattern: str = "botsession_operator") -> None:
    """SIGKILL the operator's process, from its node: no handler of it runs. Its Deployment makes a new one.

    The dead pod is taken away, since the kubelet lets one that dies again and again wait longer each time.
    """
    pods = json.loads(kubectl("get", "pods", "-n", SYSTEM_NAMESPACE, "-o", "json").stdout)["items"]
    nodes = {pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")}
    for node in nodes:
        subprocess.run(["docker", "exec", node, "pkill", "-KILL", "-f", node_pattern], check=False)
    names = [pod["metadata"]["name"] for pod in pods]
    kubectl("delete", "pods", "-n", SYSTEM_NAMESPACE, "--force", "--grace-period=0", *names)


def stop_operator() -> None:
    """Have no operator run from now on."""
    kubectl("scale", *OPERATOR, "--replicas=0")
    assert kubectl("wait", "pods", *OPERATOR_PODS, "--for=delete", "--timeout=60s").returncode == 0


@contextmanager
def operator_down() -> Iterator[None]:
    """Have no operator run meanwhile."""
    try:
        stop_operator()
        yield
    finally:
        kubectl("scale", *OPERATOR, "--replicas=1")
        assert kubectl("rollout", "status", *OPERATOR, "--timeout=60s").returncode == 0


def wait_until(holds: Callable[[], bool], within: float, what: str) -> None:
    """Poll for something that nothing can be watched for; the poll itself takes the time."""
    ends = time.monotonic() + within
    while not holds():
        assert time.monotonic() < ends, f"not {what} within {within} s"
