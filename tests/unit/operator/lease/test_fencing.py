"""An operator that does not hold the Lease sends nothing."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kubernetes.aio import client
from prometheus_client import CollectorRegistry

from botsession_contract.control import EndRequest, SessionPatch
from botsession_contract.lifecycle import Cause, Mode
from botsession_operator.api.reasons import EventReason
from botsession_operator.clock import SystemClock
from botsession_operator.core.decide.plan import PodDeletion
from botsession_operator.core.observe.observed import NoSnapshot
from botsession_operator.core.observe.webhook_delivery import Answer
from botsession_operator.core.status.k8s_events import KubernetesEvent, Severity
from botsession_operator.effects.control import HttpControl, make_session
from botsession_operator.effects.kubernetes import KubernetesCluster
from botsession_operator.effects.webhook import HttpWebhook
from botsession_operator.errors import LeaseLost
from botsession_operator.metrics import Metrics
from tests.builders import KEY, pod, session
from tests.lease_server import LeaseServer


class Lost:
    """The lease of an operator that has lost it."""

    def seconds_left(self) -> float:
        return 0.0


EVENT = KubernetesEvent(Severity.NORMAL, EventReason.STARTED, "note")
MANIFEST = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": KEY.namespace}}
Write = Callable[[KubernetesCluster], Awaitable[object]]


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda to: to.set_session_finalizers(session(), ()), id="set_session_finalizers"),
        pytest.param(lambda to: to.write_status(KEY, "1", {}), id="write_status"),
        pytest.param(lambda to: to.delete_session(session()), id="delete_session"),
        pytest.param(lambda to: to.create_pod(MANIFEST), id="create_pod"),
        pytest.param(lambda to: to.delete_pod(pod(), PodDeletion.NORMAL), id="delete_pod"),
        pytest.param(lambda to: to.end_sidecars(pod()), id="end_sidecars"),
        pytest.param(lambda to: to.set_pod_finalizers(pod(), ()), id="set_pod_finalizers"),
        pytest.param(lambda to: to.create_budget(MANIFEST), id="create_budget"),
        pytest.param(lambda to: to.create_object(MANIFEST), id="create_object"),
    ],
)
async def test_a_write_without_the_lease_is_not_sent(
    server: LeaseServer, connected: client.ApiClient, write: Write
) -> None:
    with pytest.raises(LeaseLost):
        await write(KubernetesCluster(connected, "us", Lost()))

    assert server.others == []


async def test_an_event_without_the_lease_is_not_sent(server: LeaseServer, connected: client.ApiClient) -> None:
    await KubernetesCluster(connected, "us", Lost()).record_event(session(), EVENT)

    assert server.others == []


async def test_no_supervisor_is_asked_without_the_lease(server: LeaseServer) -> None:
    port = int(server.url.rpartition(":")[2])
    one = pod(address="127.0.0.1")
    async with make_session() as http:
        control = HttpControl(http, Metrics(CollectorRegistry()), lambda _: port, Lost())
        end = EndRequest(Mode.GRACEFUL, Cause.MAX_DURATION, None, 1.0, 1.0)
        answers = [
            await control.snapshot(one, "token"),
            await control.end(one, "token", end),
            await control.adjust(one, "token", SessionPatch()),
        ]

    assert answers == 3 * [NoSnapshot.UNREACHABLE]
    assert server.others == []


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("whsec_" + "A" * 32)
    return path


async def test_nothing_is_delivered_without_the_lease(server: LeaseServer, secret: Path) -> None:
    async with aiohttp.ClientSession() as http:
        webhook = HttpWebhook(http, f"{server.url}/hook", secret, SystemClock(), Lost())
        reply = await webhook.post("id", "{}")

    assert (reply.answer, server.others) == (Answer.FAILED, [])


async def test_a_write_is_given_up_before_another_one_can_lead(
    server: LeaseServer, connected: client.ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nearly(Lost):
        def seconds_left(self) -> float:
            return 0.25

    asked: list[object] = []
    sent = connected.call_api

    async def call_api(*arguments: Any, **options: Any) -> Any:
        asked.append(options["_request_timeout"])
        return await sent(*arguments, **options)

    monkeypatch.setattr(connected, "call_api", call_api)
    await KubernetesCluster(connected, "us", Nearly()).record_event(session(), EVENT)

    assert asked == [0.25]
