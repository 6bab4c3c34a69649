"""A webhook's receiver on the cluster, the operator that posts to it, and what has arrived there."""

import json
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import standardwebhooks

from tests.e2e.conftest import install_operator
from tests.e2e.prometheus import apply
from tests.e2e.world import SYSTEM_NAMESPACE, Json, Session, kubectl, port_forward, wait_until

SECRET = "whsec_" + "A" * 32
NAME = "webhook-receiver"


class Receiver:
    """One that runs and can be told how to answer."""

    def __init__(self, port: int) -> None:
        self._port = port

    def answers(self, status: int) -> None:
        """Have it answer so from now on."""
        self._ask(f"answer/{status}")

    def fails_first(self, tries: int) -> None:
        """Have it fail the first tries of each message."""
        self._ask(f"failures/{tries}")

    def messages(self, session: Session) -> list[Json]:
        """Give all that has arrived of a session, each checked by its signature: id, event and answer."""
        arrived = [message for message in self._ask("messages") if session.name in message["body"]]
        return [{"answer": each["answer"], **_verified(each)} for each in arrived]

    def has(self, session: Session, event: str, tries: int, within: float = 60) -> None:
        """Wait until an event was tried so often."""
        wait_until(lambda: self.tries(session).count(event) >= tries, within, f"{event} tried {tries} times")

    def tries(self, session: Session) -> list[str]:
        """Name the events that have arrived, in their order."""
        return [str(message["event"]["type"]).rpartition(".")[2] for message in self.messages(session)]

    def _ask(self, path: str) -> list[Json]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{path}", timeout=10) as answer:
            found: list[Json] = json.load(answer)
            return found


def _verified(message: Json) -> Json:
    event = standardwebhooks.Webhook(SECRET).verify(message["body"], message["headers"])
    headers = {name.lower(): value for name, value in message["headers"].items()}
    return {"id": headers["webhook-id"], "event": event}


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run one in a namespace of its own and have the operator post to it; afterwards nobody is told any more."""
    namespace = f"e2e-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", namespace)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME, "namespace": SYSTEM_NAMESPACE}}
    try:
        apply([*_manifests(namespace), {**secret, "stringData": {"webhook-secret": SECRET}}])
        ready = kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "-n", namespace, "--timeout=55s")
        assert ready.returncode == 0, kubectl("describe", f"pod/{NAME}", "-n", namespace).stdout
        url = f"--set=webhook.url=http://{NAME}.{namespace}.svc:8080/hook"
        install_operator(url, f"--set=webhook.existingSecret={NAME}", "--set=webhook.source=e2e")
        with port_forward(namespace, NAME, 8080) as port:
            yield Receiver(port)
    finally:
        install_operator()
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
