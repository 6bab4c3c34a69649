"""The words that the e2e tests are written in: given a session, when something happens, then eventually …

Everything goes through the API server, as a user does. Nothing here sleeps: each wait is a watch with an end, and a
wait that fails shows what was last seen.
"""

import itertools
import json
import math
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from kubernetes import client, watch
from urllib3.exceptions import HTTPError

from botsession_operator.api.duration import format_duration

GROUP, VERSION, PLURAL = "botsession.dev", "v1alpha1", "botsessions"
SYSTEM_NAMESPACE = "botsession-system"
#: The strictest level of Pod Security.
RESTRICTED: Final = "pod-security.kubernetes.io/enforce=restricted"
ROOT = Path(__file__).resolve().parents[2]
KUBECTL = ROOT / ".tools/bin/kubectl"

#: Seconds. What comes at all has come by then, on a machine that has much else to do and stands still at times.
PATIENCE: Final = 180.0
#: Between two looks at what cannot be watched: a look without a pause takes its processor from what it waits for.
LOOK_EVERY_SECONDS: Final = 0.2
#: How a session ends whose bot does not heed an EndFrame: soon forced, and then with all the time that it needs.
FORCED: Final = {"gracePeriod": "3s", "cancelPeriod": "1m"}
#: Longer than any test waits: for a start, until `start_is_over`, and for a caller.
LONG: Final = "10m"

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
    def statuses(self) -> list[Json]:
        """The status of each version."""
        return [version.get("status", {}) for version in self.versions]

    @property
    def finishes(self) -> list[Json]:
        """Each finish that was ever recorded: a second one would be a session that ended twice."""
        recorded = (status.get("finish") for status in self.statuses)
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

    def eventually(self, within: float = PATIENCE, **expected: object) -> "Session":
        """Wait until members of status have, or had, these values; `phase="Running"`."""
        return self.until(lambda status: all(status.get(k) == v for k, v in expected.items()), within, expected)

    def until(self, holds: Callable[[Json], bool], within: float = PATIENCE, what: object = "it") -> "Session":
        """Wait until something holds of the status, or did: who waits may wake up when it is past."""
        if not self.history.wait_for(lambda: any(map(holds, self.history.statuses)), within):
            raise AssertionError(f"{self.name}: not {what} within {within} s; last seen:\n{self.seen()}")
        return self

    def finishes(self, within: float = PATIENCE) -> Json:
        """Wait for the end and give the one finish."""
        self.until(lambda status: "finish" in status, within, "finished")
        assert len(self.history.finishes) == 1, self.history.finishes
        return self.finish

    def goes(self, within: float = PATIENCE) -> "Session":
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
            "spec": {"bot": bot, "startTimeout": LONG, "joinTimeout": LONG, **spec},
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

    def start_is_over(self, session: Session) -> str:
        """Have a session's startTimeout pass in a moment; give how long it has become, as messages tell it."""
        seconds = _age(session.history.last["metadata"]["creationTimestamp"]) + 1
        self.edit(session, startTimeout=f"{seconds}s")
        return format_duration(timedelta(seconds=seconds))

    def time_is_over(self, session: Session, seconds: int) -> None:
        """Have a running session's time be over in so many seconds; return when its supervisor knows."""
        before = session.status["deadline"]
        self.edit(session, maxSessionDuration=f"{_age(session.status['startedAt']) + seconds}s")
        session.until(lambda status: status.get("deadline") not in (None, before), what="told of its deadline")

    def delete(self, session: Session) -> None:
        """Delete a session, without waiting."""
        self._objects.delete_namespaced_custom_object(GROUP, VERSION, session.namespace, PLURAL, session.name)

    def pods(self, session: Session) -> list[str]:
        """List the pods of a session."""
        selector = f"botsession.dev/session={session.name}"
        found = self._core.list_namespaced_pod(self.namespace, label_selector=selector).items
        return [str(pod.metadata.name) for pod in found if pod.metadata]

    def has_a_pod(self, session: Session, within: float = PATIENCE) -> None:
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
        wait_until(lambda: self._enforced() == {"pods": str(pods)}, PATIENCE, "known to those who enforce it")

    def _enforced(self) -> object:
        status = self._core.read_namespaced_resource_quota("pods", self.namespace).status
        return status.hard if status else None

    def nothing_is_left(self, session: Session, within: float = PATIENCE) -> None:
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
        version, is_lost = "0", False
        while not self._stop.is_set() and not session.history.is_gone:
            # A connection that breaks costs nothing: the next watch goes on from the last version seen.
            try:
                if is_lost:
                    self._note_if_gone(session)
                    version, is_lost = "0", False
                for event in self._events(session, version):
                    version = event["object"]["metadata"]["resourceVersion"]
                    session.history.add(event["type"], event["object"])
            except (HTTPError, client.ApiException) as exc:
                # Where too much has happened since that version, the next watch begins with what is there.
                is_lost = is_lost or (isinstance(exc, client.ApiException) and exc.status == HTTPStatus.GONE)
                self._stop.wait(LOOK_EVERY_SECONDS)

    def _events(self, session: Session, version: str) -> Iterator[Json]:
        stream: Iterator[Json] = watch.Watch().stream(
            self._objects.list_namespaced_custom_object,
            *(GROUP, VERSION, self.namespace, PLURAL),
            field_selector=f"metadata.name={session.name}",
            resource_version=version,
            timeout_seconds=30,
        )
        return stream

    def _note_if_gone(self, session: Session) -> None:
        """Tell of a session whose deletion no watch can tell of any more."""
        listed: Any = self._objects.list_namespaced_custom_object(GROUP, VERSION, self.namespace, PLURAL)
        if session.history.versions and session.name not in [item["metadata"]["name"] for item in listed["items"]]:
            session.history.add("DELETED", session.history.last)


def make_namespace(prefix: str) -> str:
    """Make a namespace in which pods can be made, and give its name.

    Kubernetes refuses a pod as long as its ServiceAccount is not there, which comes a moment after the namespace.
    """
    core, name = client.CoreV1Api(), f"{prefix}-{uuid.uuid4().hex[:8]}"
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    wait_until(lambda: bool(core.list_namespaced_service_account(name).items), PATIENCE, f"{name} has its account")
    return name


def _age(moment: str) -> int:
    """Return how many seconds ago it was, counting the one that has begun."""
    return math.ceil((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())


def kubectl(
    *arguments: str | Path, stdin: str | None = None, timeout: float = PATIENCE + 20
) -> subprocess.CompletedProcess[str]:
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
            assert " -> " in line, f"no port of {pod} was forwarded: {line!r}"
            yield int(line.split(" -> ")[0].rsplit(":", 1)[1])
        finally:
            process.terminate()


def pod_proxy(namespace: str, pod: str, port: int, path: str) -> str:
    """Ask a pod over HTTP by way of the API server: unlike a port-forward, which one broken connection ends for all.

    Without kubectl, for some tests ask many times a second.
    """
    api = client.CoreV1Api().api_client
    url = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{path}"
    answer = api.call_api(*api.param_serialize("GET", url))
    body: str = answer.read().decode()
    assert answer.status == HTTPStatus.OK, body
    return body


def wait_until(holds: Callable[[], bool], within: float, what: str) -> None:
    """Poll for something that nothing can be watched for."""
    ends = time.monotonic() + within
    while not holds():
        assert time.monotonic() < ends, f"not {what} within {within} s"
        time.sleep(LOOK_EVERY_SECONDS)
