"""What the last operator leaves: sessions that ended as they should, and nothing that waits for another operator."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from botsession_contract.lifecycle import Cause, Phase, Reason
from botsession_contract.names import REPORT_FINALIZER, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.api.status import Delivery, WebhookStatus
from botsession_operator.core.observe.webhook_delivery import Answer, EventType, Reply
from botsession_operator.errors import ClusterUnavailable, Conflict, RequestRefused
from botsession_operator.uninstall import release_all_finalizers, wait_for_ends
from tests.builders import KEY
from tests.fake_cluster import FakeCluster
from tests.fakes import FakeWebhook, World
from tests.log_lines import Line

AT_ONCE = timedelta(0)
#: Of this machine's clock, not of the world's: longer than any test takes.
LONG = timedelta(hours=1)
FAILED = Reply(Answer.FAILED, "503")


class FakeUninstallClient:
    """The Estate port over the same dictionaries."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        #: What the world does while somebody waits: called before each look.
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def sessions(self) -> AsyncIterator[Json]:
        if self.meanwhile:
            await self.meanwhile()
        for place in self._cluster.sessions.names():
            yield self._cluster.sessions.get(*place) or {}

    async def session_metadata(self) -> AsyncIterator[Json]:
        for place in self._cluster.sessions.names():
            yield metadata_only(self._cluster.sessions.get(*place) or {})

    async def pod_metadata(self) -> AsyncIterator[Json]:
        for place in self._cluster.pods.names():
            yield metadata_only(self._cluster.pods.get(*place) or {})

    async def stop_operator(self) -> None:
        pass


def metadata_only(stored: Json) -> Json:
    """Return what the API server sends who is asked for metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": stored["metadata"]}


@pytest.fixture
def client(world: World) -> FakeUninstallClient:
    return FakeUninstallClient(world.cluster)


async def talk(world: World, **spec: object) -> None:
    world.apply(**spec)
    await world.settle()
    world.schedule()
    world.run_container()
    world.start_pipeline()
    await world.settle()


async def settle_last(world: World) -> None:
    """Run passes as the operator does that takes the place of the last one."""
    await world.settle(replace(world.deps(), is_uninstalling=True))


async def test_a_conversation_ends_gracefully_and_why_is_recorded(world: World) -> None:
    await talk(world, shutdown={"farewell": "Goodbye!"})

    await settle_last(world)
    assert [request.farewell for request in world.supervisor.requests] == ["Goodbye!"]
    world.end_as_asked()
    await settle_last(world)

    (last,) = world.cluster.finishes
    assert last.finish
    assert last.ending
    assert (last.finish.reason, last.ending.cause) == (Reason.END_REQUESTED, Cause.END_REQUESTED)
    assert last.ending.message == "the operator was being uninstalled"
    assert world.sessions.names()
    assert not world.cluster.pods.names()


async def test_no_pod_is_made_for_a_session_that_is_just_created(world: World) -> None:
    world.apply()

    await settle_last(world)

    assert world.status.phase is Phase.FAILED
    assert not world.cluster.created


async def test_finished_sessions_are_left_as_they_are(world: World) -> None:
    await talk(world, podRetention="Always")
    world.report(Reason.COMPLETED)
    await world.settle()
    before = world.status

    await settle_last(world)

    assert world.status == before
    assert world.cluster.pods.names()


async def test_a_session_of_another_version_ends_too(world: World, client: FakeUninstallClient) -> None:
    await talk(world)
    world.edit(podRetention="Sometimes")

    await settle_last(world)
    world.end_container()
    await settle_last(world)

    assert not world.cluster.pods.names()
    assert finalizers(world) == []


async def test_it_waits_until_sessions_are_over_and_pods_are_gone(world: World, client: FakeUninstallClient) -> None:
    await talk(world)
    moments = itertools.count()

    async def meanwhile() -> None:
        if next(moments) == 1:
            world.end_as_asked()
        await settle_last(world)

    client.meanwhile = meanwhile
    await wait_for_ends(client, LONG, AT_ONCE)

    assert world.status.phase is Phase.SUCCEEDED
    assert not world.cluster.pods.names()


async def test_it_waits_no_longer_than_it_may(world: World, client: FakeUninstallClient, logs: list[Line]) -> None:
    await talk(world)

    await wait_for_ends(client, AT_ONCE, AT_ONCE)

    (said,) = (line for line in logs if line["event"] == "sessions did not end in time")
    assert f"session {KEY}" in said["left"]


async def test_an_api_server_that_is_away_is_waited_for(world: World, client: FakeUninstallClient) -> None:
    happens: Iterator[bool] = iter([True, False])

    async def meanwhile() -> None:
        if next(happens):
            raise ClusterUnavailable("away")

    client.meanwhile = meanwhile
    await wait_for_ends(client, LONG, AT_ONCE)

    assert not next(happens, False)


@pytest.fixture
def webhook(world: World) -> FakeWebhook:
    """Have one operator look after the world, who has a webhook."""
    world.webhook = FakeWebhook()
    world.operator = world.deps()
    return world.webhook


async def end_by_the_last(world: World) -> None:
    """Have the operator that takes the place of the last one end a conversation."""
    world.operator = replace(world.deps(), is_uninstalling=True)
    await world.settle()
    world.end_as_asked()
    await world.settle()


async def passing(world: World) -> None:
    """Give a second to the last operator."""
    world.clock.pass_(1)
    await world.settle()


async def test_it_waits_until_the_webhook_has_heard_of_each_end(
    world: World, client: FakeUninstallClient, webhook: FakeWebhook
) -> None:
    await talk(world)
    webhook.replies = [FAILED] * 4
    await end_by_the_last(world)
    client.meanwhile = lambda: passing(world)

    await wait_for_ends(client, LONG, AT_ONCE, frozenset(EventType))

    assert world.status.webhook == WebhookStatus(Delivery.DELIVERED, Delivery.DELIVERED)


async def test_it_does_not_wait_for_a_receiver_that_takes_nothing(
    world: World, client: FakeUninstallClient, webhook: FakeWebhook, logs: list[Line]
) -> None:
    await talk(world)
    webhook.replies = [FAILED] * 100
    await end_by_the_last(world)
    began = world.clock.now()
    client.meanwhile = lambda: passing(world)

    await wait_for_ends(client, LONG, AT_ONCE, frozenset(EventType))

    assert timedelta(seconds=60) <= world.clock.now() - began <= timedelta(seconds=70)
    assert webhook.events.count("finished") >= 6
    (said,) = (line for line in logs if line["event"] == "events not delivered before the operator goes")
    assert said["left"] == (f"session {KEY}",)


async def test_what_the_webhook_has_not_heard_of_is_told_by_the_next_operator(
    world: World, client: FakeUninstallClient, webhook: FakeWebhook
) -> None:
    await talk(world)
    webhook.replies = [FAILED] * 100
    await end_by_the_last(world)
    await release_all_finalizers(client, world.cluster, AT_ONCE)
    webhook.replies = []

    world.operator = world.deps()
    await world.rest()

    assert world.status.webhook == WebhookStatus(Delivery.DELIVERED, Delivery.DELIVERED)


async def test_a_finished_session_is_released_and_stays(world: World, client: FakeUninstallClient) -> None:
    await talk(world)
    world.report(Reason.COMPLETED)
    await world.settle()

    await release_all_finalizers(client, world.cluster, AT_ONCE)

    assert world.status.phase is Phase.SUCCEEDED
    assert finalizers(world) == []


async def test_finalizers_of_others_stay(world: World, client: FakeUninstallClient) -> None:
    await talk(world)
    place = (KEY.namespace, KEY.name)
    world.sessions.change(*place, lambda stored: stored["metadata"]["finalizers"].append("other"))

    await release_all_finalizers(client, world.cluster, AT_ONCE)

    assert finalizers(world) == ["other"]


async def test_a_session_that_did_not_end_in_time_keeps_its_grace(world: World, client: FakeUninstallClient) -> None:
    await talk(world)

    await release_all_finalizers(client, world.cluster, AT_ONCE)

    assert world.stored_pod["metadata"]["deletionGracePeriodSeconds"] == 45
    assert world.stored_pod["metadata"]["finalizers"] == []
    assert finalizers(world) == []


async def test_what_was_released_is_concluded_by_the_next_operator(world: World, client: FakeUninstallClient) -> None:
    await talk(world)
    await settle_last(world)
    world.clock.pass_(5)
    await settle_last(world)
    await release_all_finalizers(client, world.cluster, AT_ONCE)
    world.end_container()

    await world.settle()

    assert world.status.finish
    assert world.status.finish.reason is Reason.END_REQUESTED
    assert len(world.cluster.finishes) == 1


class Busy(FakeCluster):
    """A cluster in which somebody else writes the session at the same time, so many times."""

    def __init__(self, world: World, times: int) -> None:
        super().__init__(world.clock.now)
        self.sessions, self.pods = world.cluster.sessions, world.cluster.pods
        self.times = times

    async def set_session_finalizers(self, *arguments: object) -> str | None:
        self._be_in_the_way()
        return await super().set_session_finalizers(*arguments)  # type: ignore[arg-type]  # handed on

    async def set_pod_finalizers(self, *arguments: object) -> None:
        self._be_in_the_way()
        await super().set_pod_finalizers(*arguments)  # type: ignore[arg-type]  # handed on

    def _be_in_the_way(self) -> None:
        self.times -= 1
        if self.times >= 0:
            raise Conflict("changed")


async def test_what_somebody_else_writes_is_released_from_a_fresh_read(
    world: World, client: FakeUninstallClient
) -> None:
    await talk(world)

    await release_all_finalizers(client, Busy(world, times=5), AT_ONCE)

    assert finalizers(world) == []
    assert REPORT_FINALIZER not in world.stored_pod["metadata"]["finalizers"]


async def test_what_cannot_be_released_is_not_passed_over(world: World, client: FakeUninstallClient) -> None:
    await talk(world)

    with pytest.raises(ClusterUnavailable, match="the finalizers could not be removed"):
        await release_all_finalizers(client, Busy(world, times=1000), AT_ONCE)


async def test_a_session_that_cannot_be_released_does_not_keep_the_others(
    world: World, client: FakeUninstallClient
) -> None:
    await talk(world)

    class Refusing(Busy):
        async def set_session_finalizers(self, *arguments: object) -> str | None:
            raise RequestRefused("422: the stored session is invalid")

    with pytest.raises(ClusterUnavailable, match="the finalizers could not be removed"):
        await release_all_finalizers(client, Refusing(world, times=0), AT_ONCE)

    assert world.stored_pod["metadata"]["finalizers"] == []


async def test_a_pod_that_is_no_sessions_is_only_rid_of_our_finalizer(
    world: World, client: FakeUninstallClient
) -> None:
    await talk(world)
    place = (KEY.namespace, world.pod_name)
    world.cluster.pods.change(*place, lambda pod: pod["metadata"]["labels"].update({SESSION_UID_LABEL: "another"}))

    await release_all_finalizers(client, world.cluster, AT_ONCE)

    assert world.stored_pod["metadata"]["finalizers"] == []
    assert "deletionTimestamp" not in world.stored_pod["metadata"]


def finalizers(world: World) -> list[str]:
    stored: Json = world.sessions.get(KEY.namespace, KEY.name) or {}
    found: list[str] = stored["metadata"]["finalizers"]
    return found
