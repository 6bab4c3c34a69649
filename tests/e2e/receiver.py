"""A webhook's receiver on the cluster, the operator that posts to it, and what has arrived there."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import standardwebhooks

from tests.e2e.operators import operator_pod
from tests.e2e.prometheus import apply
from tests.e2e.release import have_operator
from tests.e2e.world import (
    PATIENCE,
    SYSTEM_NAMESPACE,
    Json,
    Session,
    kubectl,
    make_namespace,
    pod_proxy,
    wait_until,
)

SECRET, NEWER = "whsec_" + "A" * 32, "whsec_" + "B" * 32
NAME = "webhook-receiver"
MOUNTED = "/etc/botsession-webhook/secret"


class Receiver:
    """One that runs and can be told how to answer."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._secret = SECRET

    def is_told(self, *settings: str) -> None:
        """Have an operator that posts to this receiver; `settings` are Helm's own, and hold besides."""
        url = f"--set=webhook.url=http://{NAME}.{self._namespace}.svc:8080/hook"
        have_operator(url, f"--set=webhook.existingSecret={NAME}", "--set=webhook.source=e2e", *settings)

    def cannot_be_reached(self) -> None:
        """Have its Service lead nowhere from now on."""
        self._leads_to("nobody")

    def can_be_reached(self) -> None:
        """Have its Service lead to it again."""
        self._leads_to(NAME)

    def shares(self, secret: str) -> None:
        """Edit the Secret, and wait until it has come to the operator."""
        self._secret = secret
        patch = json.dumps({"stringData": {"webhook-secret": secret}})
        kubectl("patch", "secret", NAME, "-n", SYSTEM_NAMESPACE, "-p", patch)
        pod = ("-n", SYSTEM_NAMESPACE, operator_pod())

        def is_mounted() -> bool:
            # The kubelet looks at a pod's Secrets when the pod changes, and else every minute or so; and when the pod
            # changes it may not have heard of the Secret's change yet.
            kubectl("annotate", "pod", *pod, f"looked-at={uuid.uuid4()}", "--overwrite")
            read = kubectl("exec", *pod, "--", "python3", "-c", f"print(open({MOUNTED!r}).read())")
            return read.stdout.strip() == secret

        wait_until(is_mounted, PATIENCE, "mounted anew")

    def answers(self, status: int, subject: str = "") -> None:
        """Answer so from now on; with a subject, NAMESPACE/NAME, the messages about that session alone."""
        self._ask(f"answer/{status}/{subject}".rstrip("/"))

    def fails_first(self, tries: int, subject: str = "") -> None:
        """Fail the first tries of each message, or of each about one session."""
        self._ask(f"failures/{tries}/{subject}".rstrip("/"))

    def messages(self, session: Session) -> list[Json]:
        """Return all that has arrived of a session, each checked by its signature: id, event and answer."""
        subject = f"{session.namespace}/{session.name}"
        arrived = [each for each in self._ask("messages") if json.loads(each["body"])["subject"] == subject]
        return [{"answer": each["answer"], **self._verified(each)} for each in arrived]

    def has(self, session: Session, event: str, tries: int, within: float = PATIENCE) -> None:
        """Wait until an event was tried so often."""
        wait_until(lambda: self.tries(session).count(event) >= tries, within, f"{event} tried {tries} times")

    def tries(self, session: Session) -> list[str]:
        """Name the events that have arrived, in their order."""
        return [str(message["event"]["type"]).rpartition(".")[2] for message in self.messages(session)]

    def _leads_to(self, app: str) -> None:
        patch = json.dumps({"spec": {"selector": {"app": app}}})
        kubectl("patch", "service", NAME, "-n", self._namespace, "-p", patch)

    def _verified(self, message: Json) -> Json:
        event = standardwebhooks.Webhook(self._secret).verify(message["body"], message["headers"])
        headers = {name.lower(): value for name, value in message["headers"].items()}
        return {"id": headers["webhook-id"], "event": event}

    def _ask(self, path: str) -> list[Json]:
        found: list[Json] = json.loads(pod_proxy(self._namespace, NAME, 8080, path))
        return found


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver in a namespace of its own, with the Secret that operators sign with."""
    namespace = make_namespace("e2e")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME, "namespace": SYSTEM_NAMESPACE}}
    try:
        apply([*_manifests(namespace), {**secret, "stringData": {"webhook-secret": SECRET}}])
        ready = kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "-n", namespace, f"--timeout={PATIENCE}s")
        assert ready.returncode == 0, kubectl("describe", f"pod/{NAME}", "-n", namespace).stdout
        yield Receiver(namespace)
    finally:
        kubectl("delete", "secret", NAME, "-n", SYSTEM_NAMESPACE)
        kubectl("delete", "namespace", namespace, "--wait=false")


def _manifests(namespace: str) -> list[Json]:
    metadata = {"name": NAME, "namespace": namespace, "labels": {"app": NAME}}
    container = {
        "name": "receiver",
        "image": "botsession/testbot:dev",
        "command": ["python3", "/app/receiver.py"],
        "readinessProbe": {"httpGet": {"path": "/messages", "port": 8080}, "periodSeconds": 1},
    }
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0}
    service = {"selector": {"app": NAME}, "ports": [{"port": 8080}]}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    ]
