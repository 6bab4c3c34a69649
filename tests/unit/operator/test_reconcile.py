"""Whole passes over a world in memory: what happens to a session from its creation to the end of its traces."""

from dataclasses import replace
from datetime import timedelta

import pytest

from botsession_contract.lifecycle import Cause, Mode, Outcome, Phase, Reason, ReportedBy, Step
from botsession_contract.names import REPORT_FINALIZER, SESSION_FINALIZER
from botsession_contract.session_limits import SessionLimits
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.status import ConditionType
from botsession_operator.core.control_keys import ControlKeys
from botsession_operator.core.decide.plan import ControllerTimeouts
from botsession_operator.errors import PodRefused
from botsession_operator.reconcile.reconciler import reconcile
from tests.builders import KEY
from tests.fakes import CONTROL_KEYS, World
from tests.unit.operator.lives import names, talk

RETRY_SECONDS = ControllerTimeouts().control_retry.total_seconds()


async def test_a_new_session_gets_our_finalizer_and_a_pod(world: World) -> None:
    world.apply()

    await world.rest()

    assert world.status.phase is Phase.PENDING
    assert world.status.pod_name == world.pod_name
    assert world.stored_pod["metadata"]["finalizers"] == [REPORT_FINALIZER]
    assert (world.sessions.get(*names()) or {})["metadata"]["finalizers"] == [SESSION_FINALIZER]


async def test_a_session_that_does_not_exist_needs_no_requeue(world: World) -> None:
    assert await reconcile(KEY, world.deps()) is None


async def test_phases_follow_the_pod(world: World) -> None:
    phases = []
    for happens in (world.apply, world.schedule, world.run_container, world.start_pipeline):
        happens()
        await world.rest()
        phases.append(world.status.phase)

    assert phases == [Phase.PENDING, Phase.PENDING, Phase.STARTING, Phase.RUNNING]


async def test_a_quiet_pass_writes_nothing(world: World) -> None:
    await talk(world)
    written = len(world.cluster.written)

    world.clock.pass_(30)
    await world.settle()

    assert len(world.cluster.written) == written


async def test_a_quick_start_is_written_once(world: World) -> None:
    await talk(world)

    assert [each.phase for each in world.cluster.written] == [Phase.RUNNING]
    assert world.status.pod_name == world.pod_name


async def test_a_quick_end_is_written_once(world: World) -> None:
    await talk(world)
    world.edit(end="Graceful")
    await world.settle()
    world.end_as_asked()
    await world.settle()

    assert [each.phase for each in world.cluster.written] == [Phase.RUNNING, Phase.SUCCEEDED]
    assert world.status.ending
    assert world.status.ending.cause is Cause.END_REQUESTED


async def test_a_bot_that_completes_is_recorded_and_its_pod_goes(world: World) -> None:
    await talk(world)
    world.clock.pass_(20)
    world.report(Reason.COMPLETED)

    await world.settle()

    assert world.status.phase is Phase.SUCCEEDED
    assert world.status.duration == "20s"
    assert not world.cluster.pods.names()


async def test_out_of_time_the_supervisor_is_asked_to_end(world: World) -> None:
    await talk(world, maxSessionDuration="1m", shutdown={"farewell": "Goodbye!"})
    world.clock.pass_(60)

    await world.rest()

    assert [request.farewell for request in world.supervisor.requests] == ["Goodbye!"]
    assert world.status.ending
    assert (world.status.ending.cause, world.status.ending.step) == (Cause.MAX_DURATION, Step.END_FRAME)


async def test_more_time_reaches_the_backstop(world: World) -> None:
    await talk(world)
    world.edit(maxSessionDuration="2h")

    await world.rest()

    assert world.status.started_at
    assert world.supervisor.snapshot.deadline == world.status.started_at + timedelta(hours=2) == world.status.deadline


async def test_an_idle_timeout_reaches_the_supervisor_in_the_pass_that_sees_it(world: World) -> None:
    await talk(world)
    world.edit(idleTimeout="5m")

    await world.settle()

    assert world.supervisor.snapshot.limits == SessionLimits(60.0, 300.0)


async def test_a_deleted_session_waits_for_its_report(world: World) -> None:
    await talk(world)
    world.delete()
    await world.settle()
    assert not world.is_empty

    world.end_as_asked()
    await world.settle()

    assert world.is_empty
    (last,) = world.cluster.finishes
    assert last.finish
    assert (last.finish.reason, last.finish.outcome) == (Reason.DELETED, Outcome.DRAINED)


async def test_graceful_is_raised_to_immediate_once(world: World) -> None:
    await talk(world)
    for end in ("Graceful", "Immediate"):
        world.edit(end=end)
        await world.settle()

    assert [request.mode for request in world.supervisor.requests] == [Mode.GRACEFUL, Mode.IMMEDIATE]


async def test_a_silent_supervisor_is_asked_again_soon(world: World) -> None:
    await talk(world)
    world.edit(end="Graceful")
    world.supervisor.answers = False

    assert await world.run_passes() == world.clock.now() + timedelta(seconds=RETRY_SECONDS)


async def test_a_supervisor_that_falls_silent_while_it_is_told_is_told_again_soon(world: World) -> None:
    await talk(world)
    world.edit(end="Graceful")
    world.supervisor.breaks_on_request = True

    assert await world.run_passes() == world.clock.now() + timedelta(seconds=RETRY_SECONDS)


async def test_a_supervisor_that_stays_silent_loses_its_pod(world: World) -> None:
    await talk(world)
    world.supervisor.answers = False
    world.edit(end="Graceful")
    await world.settle()
    world.clock.pass_(51)
    await world.settle()
    assert world.status.ending
    assert world.status.ending.step is Step.POD_DELETE

    world.end_container(reason="Error", exit_code=137)
    await world.settle()

    finish = world.status.finish
    assert finish
    assert (finish.reason, finish.outcome, finish.reported_by) == (
        Reason.END_REQUESTED,
        Outcome.KILLED,
        ReportedBy.OPERATOR,
    )


async def test_a_pod_on_a_dead_node_is_taken_away_by_force(world: World) -> None:
    await talk(world)
    world.supervisor.answers = False
    world.delete()
    for _ in range(6):
        await world.settle()
        world.clock.pass_(20)

    assert world.is_empty
    assert len(world.cluster.finishes) == 1


async def test_a_finished_pod_on_a_node_that_died_is_taken_away_by_force(world: World) -> None:
    await talk(world)
    world.run_sidecar()
    world.report(Reason.COMPLETED)
    world.delete()
    for _ in range(5):
        await world.settle()
        world.clock.pass_(30)

    assert world.is_empty


async def test_a_refused_pod_is_tried_again_until_the_start_timeout(world: World) -> None:
    world.cluster.refusal = PodRefused(ConditionReason.QUOTA_EXCEEDED, "exceeded quota: bots")
    world.apply(startTimeout="8s")
    await world.settle()
    assert world.status.conditions[0].reason == "QuotaExceeded"

    world.clock.pass_(6)
    assert await world.run_passes() == world.clock.now() + timedelta(seconds=2)
    world.clock.pass_(2)
    await world.settle()

    assert world.status.finish
    assert world.status.finish.reason is Reason.POD_REJECTED
    assert world.status.finish.message == "startTimeout 8s: creation of the pod 8 s and not done; exceeded quota: bots"


async def test_a_refused_pod_that_is_then_taken_runs(world: World) -> None:
    world.cluster.refusal = PodRefused(ConditionReason.QUOTA_EXCEEDED, "exceeded quota: bots")
    world.apply()
    await world.settle()

    world.cluster.refusal = None
    await world.rest()

    (created, *_) = world.status.conditions
    assert (created.type, created.status) == (ConditionType.POD_CREATED, "True")


async def test_a_body_that_no_process_could_be_given_is_told_to_its_user(world: World) -> None:
    world.apply(bot={"image": "i", "target": "bot.py", "python": "p", "runtime": "Bundled", "body": "x" * 128 * 1024})

    await world.settle()

    assert world.status.conditions[0].reason == "SpecRefused"


async def test_a_spec_of_which_no_pod_can_be_made_is_not_tried_again(world: World) -> None:
    mounts = [{"name": "a", "mountPath": "//opt//botsession"}]
    world.apply(podTemplate={"spec": {"containers": [{"name": "bot", "volumeMounts": mounts}]}})
    await world.settle()

    requeue_at = await reconcile(KEY, world.deps())

    assert requeue_at == world.clock.now() + world.deps().timeouts.slow_requeue
    assert [event.reason for event in world.cluster.recorded_events] == ["SpecRefused"]


async def test_an_image_that_never_comes_is_told_by_name(world: World) -> None:
    world.apply()
    await world.settle()
    world.schedule()
    world._set_container({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}, "Pending")
    world.clock.pass_(120)
    await world.settle()
    never = {"reason": "ContainerStatusUnknown", "exitCode": 137, "startedAt": None}
    world._set_container({"terminated": never}, "Failed")
    await world.settle()

    finish = world.status.finish
    assert finish
    assert (finish.reason, finish.outcome) == (Reason.IMAGE_PULL, Outcome.NEVER_STARTED)
    assert finish.message == "startTimeout 2m: image and container 120 s and not done; no such image"


async def test_events_tell_of_each_phase_once(world: World) -> None:
    await talk(world)
    await world.settle()
    world.report(Reason.COMPLETED)
    await world.settle()

    assert [item.reason for item in world.cluster.recorded_events] == ["Started", "Completed"]


@pytest.mark.parametrize("how", ["by force", "with its grace"])
async def test_a_pod_that_somebody_deletes_ends_its_session_as_evicted(world: World, how: str) -> None:
    await talk(world)
    world.cluster.delete_stored(world.stored_pod)
    if how == "with its grace":
        world.report(Reason.EVICTED)
    else:
        world._change_pod(lambda pod: pod["metadata"].update(deletionGracePeriodSeconds=0))

    await world.settle()

    assert world.status.finish
    assert world.status.finish.reason is Reason.EVICTED
    assert not world.cluster.pods.names()


async def test_a_running_session_is_ended_with_the_key_that_it_started_with(world: World) -> None:
    await talk(world)
    keys = ControlKeys(b"new".ljust(32, b"."), (CONTROL_KEYS.current,))
    world.operator = replace(world.deps(), control_keys=keys)

    world.edit(end="Graceful")
    await world.settle()

    assert world.supervisor.snapshot.ending


async def test_a_session_whose_key_is_gone_cannot_be_asked(world: World) -> None:
    await talk(world)
    world.operator = replace(world.deps(), control_keys=ControlKeys(b"new".ljust(32, b".")))

    world.edit(end="Graceful")
    await world.settle()

    assert world.supervisor.snapshot.ending is None
