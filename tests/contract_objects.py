"""What the contract of the Cluster port is tried with: a backend, and the sessions and pods that are put into it."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from botsession_contract.json_codec import encode
from botsession_contract.lifecycle import Outcome, Phase, Reason, ReportedBy
from botsession_contract.names import SESSION_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.api.status import Finish, Status
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from botsession_operator.core.observe.observed import Key, Pod, Session
from botsession_operator.core.observe.parse import parse_pod, parse_session
from botsession_operator.errors import Conflict
from botsession_operator.ports import Cluster
from tests.supervision import PATIENCE

#: Not ours: an operator that happens to look after the same cluster lets it be.
HOLD: Final = "example.test/hold"
ANOTHER: Final = "example.test/another"
PODS: Final = PodSettings("registry.invalid/runtime:1", Injection.IMAGE_VOLUME)
#: A finished session is left alone by an operator, so that only the test writes it.
FINISH: Final = Finish(Reason.COMPLETED, Outcome.DRAINED, ReportedBy.RUNTIME, message="over")
FINISHED: Final = Status(Phase.SUCCEEDED, 1, pod_name="p", finish=FINISH)
#: What would come of answers that are believed.
POISONOUS: Final[dict[str, Json]] = {
    "a message of 4097 characters": {"finish": {**encode(FINISH), "message": "m" * 4097}},
    "a frame of 2000": {"finish": {**encode(FINISH), "frame": "F" * 2000}},
    "a reason of another version": {"finish": {**encode(FINISH), "reason": "Abducted"}},
    "an exit code of 40 bits": {"finish": {**encode(FINISH), "exitCode": 2**40}},
    "21 names": {"danglingTasks": {"count": 21, "names": ["n"] * 21}},
    "a count that is text": {"danglingTasks": {"count": "many"}},
    "NaN": {"timings": {"drained": float("nan")}},
    "what is no time": {"finishedAt": "tomorrow"},
    "17 steps": {
        "ending": {
            "cause": "Deleted",
            "mode": "Graceful",
            "requestedAt": "2026-01-31T12:00:00.000000Z",
            "steps": [{"step": "Kill", "at": "2026-01-31T12:00:00.000000Z"}] * 17,
        }
    },
}
#: A node that no cluster has: pods that are made here never run.
NOWHERE: Final = {"spec": {"nodeSelector": {"example.test/nowhere": "true"}}}


class Backend(Protocol):
    """An implementation, and what users do to it."""

    @property
    def cluster(self) -> Cluster:
        """The implementation."""
        ...

    async def create_session(self, manifest: Json) -> Key:
        """Create a BotSession and give its key."""
        ...

    async def delete_session(self, key: Key) -> None:
        """Delete a BotSession, as `kubectl delete` does."""
        ...


async def eventually(claim: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds that happens by itself, such as a process's exit."""
    async with asyncio.timeout(PATIENCE):
        while not await claim():
            await asyncio.sleep(0.05)


def session_manifest() -> Json:
    bot = {"image": "registry.invalid/bot:1", "target": "bot.py", "python": "python3", "runtime": "Injected"}
    shutdown = {"mode": "Graceful", "gracePeriod": "30s", "cancelPeriod": "10s", "farewell": ""}
    limits = {"maxSessionDuration": "30m", "startTimeout": "2m", "joinTimeout": "1m", "end": "", "eviction": "Allow"}
    afterwards = {"ttlAfterFinished": "1h", "podRetention": "Never"}
    spec = {"bot": bot, "shutdown": shutdown, "podTemplate": NOWHERE, **limits, **afterwards}
    kind = {"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSession"}
    return {**kind, "metadata": {"name": f"contract-{uuid.uuid4().hex[:8]}"}, "spec": spec}


def manifest(session: Session) -> Json:
    """Return a pod as the operator builds it, under a name that no operator looks for.

    It is held twice: an operator on the same cluster takes its own finalizer off a deleted pod that has no session.
    """
    built = build_pod(session, "0" * 64, PODS)
    built["metadata"]["name"] = f"{session.key.name}-pod"
    built["metadata"]["labels"][SESSION_LABEL] = "nobody"
    built["metadata"]["finalizers"].append(HOLD)
    return built


async def read(backend: Backend, key: Key) -> Session:
    raw = await backend.cluster.session(key)
    assert raw
    return parse_session(raw)


async def read_pod(backend: Backend, session: Session) -> Pod:
    raw = await backend.cluster.pod(session.key.namespace, f"{session.key.name}-pod")
    assert raw
    return parse_pod(raw)


async def release(backend: Backend, session: Session) -> None:
    await eventually(lambda: set_finalizers(backend, session, ()))


async def set_finalizers(backend: Backend, session: Session, finalizers: tuple[str, ...]) -> bool:
    """Try from a fresh look: a scheduler or a kubelet may write the pod between the look and the try."""
    try:
        await backend.cluster.set_pod_finalizers(await read_pod(backend, session), finalizers)
    except Conflict:
        return False
    return True
