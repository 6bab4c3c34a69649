"""Read raw API objects. The pods are what a kind cluster of Kubernetes 1.36 gave, cut to what matters."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from botsession_contract.json_codec import encode
from botsession_contract.lifecycle import Outcome, Phase, Reason, ReportedBy
from botsession_contract.report import to_bytes
from botsession_operator.api.reasons import ExternalReason
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.api.status import ConditionType, Delivery, Finish, WebhookStatus
from botsession_operator.core.observe.observed import Key, PodState, SessionMetadata, Termination, WaitingReason
from botsession_operator.core.observe.parse import parse_metadata, parse_pod, parse_session
from tests.builders import KEY, NOW, UID, raw_session, report, started

WAITING, RUNNING, TERMINATED = PodState.WAITING, PodState.RUNNING, PodState.TERMINATED
AT: Final = "2026-01-31T12:00:00Z"
SCHEDULED: Final = {"type": "PodScheduled", "status": "True", "lastTransitionTime": AT}
UNSCHEDULED: Final = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/2 nodes are available",
}
RUNS: Final = {"running": {"startedAt": AT}}
#: What the kubelet writes for a container that never ran, once its pod is deleted.
NEVER_RAN: Final = {
    "terminated": {
        "exitCode": 137,
        "finishedAt": None,
        "message": "The container could not be located when the pod was terminated",
        "reason": "ContainerStatusUnknown",
        "startedAt": None,
    }
}
#: What containerd makes of a command that is not in the image.
NO_COMMAND: Final = {
    "terminated": {
        "exitCode": 128,
        "message": "exec: python3: not found",
        "reason": "StartError",
        "startedAt": "1970-01-01T00:00:00Z",
    }
}
DELETED: Final[Json] = {"deletionTimestamp": "2026-01-31T12:00:30Z", "deletionGracePeriodSeconds": 45}
FORCED: Final[Json] = {"deletionTimestamp": AT, "deletionGracePeriodSeconds": 0}


def raw(state: Json | None = None, *, node: str | None = "node-1", status: Any = None, **metadata: Any) -> Json:
    """Return a raw pod; `state` is its bot container's."""
    known = {"namespace": "bots", "name": "p", "uid": "u", "resourceVersion": "3", "finalizers": ["x"]}
    containers = {"containerStatuses": [{"name": "side", "state": RUNS}, {"name": "bot", "state": state}]}
    seen = {"phase": "Pending", "conditions": [SCHEDULED], **(containers if state is not None else {})}
    spec = {"nodeName": node} if node else {}
    return {"metadata": {**known, **metadata}, "spec": spec, "status": {**seen, **(status or {})}}


ENDS_SOON: Final = {"activeDeadlineSeconds": 1}


@pytest.mark.parametrize(
    ("status", "spec", "expected"),
    [
        pytest.param({}, {}, True, id="one runs"),
        pytest.param({"containerStatuses": [{"name": "side", "state": {"waiting": {}}}]}, {}, True, id="one waits"),
        pytest.param(
            {"containerStatuses": [{"name": "side", "state": {"terminated": {}}}]}, {}, False, id="it is over"
        ),
        pytest.param({"containerStatuses": [{"name": "bot", "state": RUNS}]}, {}, False, id="the bot is none"),
        pytest.param({"phase": "Failed"}, {}, False, id="the pod is over"),
        pytest.param({}, ENDS_SOON, False, id="it has been told to end"),
    ],
)
def test_whether_containers_run_on_besides_the_bots(status: Json, spec: Json, expected: bool) -> None:
    seen = raw({"terminated": {"exitCode": 0}}, status=status)

    assert parse_pod({**seen, "spec": seen["spec"] | spec}).has_sidecars is expected


def test_a_native_sidecar_is_an_init_container_that_runs() -> None:
    inits = [{"name": "a", "state": {"terminated": {}}}, {"name": "b", "state": RUNS}]

    assert parse_pod(raw(RUNS, status={"initContainerStatuses": inits})).has_native_sidecars
    assert not parse_pod(raw(RUNS, status={"initContainerStatuses": inits[:1]})).has_native_sidecars


def waits(reason: str, message: str | None = None) -> Json:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def terminated(message: str = "", reason: str = "Completed", exit_code: int = 0) -> Json:
    return {"terminated": {"reason": reason, "exitCode": exit_code, "startedAt": AT, "message": message}}


@pytest.mark.parametrize(
    ("pod", "state"),
    [
        pytest.param(raw(), WAITING, id="just scheduled"),
        pytest.param(raw(node=None, status={"conditions": [UNSCHEDULED]}), WAITING, id="unschedulable"),
        pytest.param({**raw(), "status": {}}, WAITING, id="just created"),
        pytest.param(raw(waits("ContainerCreating")), WAITING, id="being created"),
        pytest.param(raw(waits("ImagePullBackOff")), WAITING, id="no image"),
        pytest.param(raw(RUNS), RUNNING, id="running"),
        pytest.param(raw(RUNS, **DELETED), RUNNING, id="running while it is deleted"),
        pytest.param(raw(terminated(), status={"phase": "Running"}), TERMINATED, id="over while a sidecar runs"),
        pytest.param(raw(status={"phase": "Failed", "reason": "Evicted"}), TERMINATED, id="evicted"),
        pytest.param(raw(status={"phase": "Succeeded"}), TERMINATED, id="succeeded"),
        pytest.param(raw(waits("ContainerCreating"), **DELETED), WAITING, id="the kubelet will see to it"),
        pytest.param(raw(node=None, **DELETED), TERMINATED, id="no kubelet ever had it"),
        pytest.param(raw(RUNS, **FORCED), TERMINATED, id="taken away by force"),
    ],
)
def test_each_pod_falls_into_one_bucket(pod: Json, state: PodState) -> None:
    assert parse_pod(pod).state is state


INIT: Final = {"initContainerStatuses": [{"name": "runtime", "state": waits("ErrImagePull", "no runtime image")}]}


@pytest.mark.parametrize(
    ("pod", "trouble"),
    [
        pytest.param(raw(), None, id="none"),
        pytest.param(raw(waits("ContainerCreating")), None, id="being created is no trouble"),
        pytest.param(raw(waits("PodInitializing")), None, id="nor is being initialised"),
        pytest.param(raw({"waiting": {}}), None, id="a kubelet of few words"),
        pytest.param(
            raw(node=None, status={"conditions": [UNSCHEDULED]}),
            WaitingReason(ExternalReason("Unschedulable"), "0/2 nodes are available"),
            id="no node",
        ),
        pytest.param(
            raw(waits("ImagePullBackOff", "Back-off pulling image")),
            WaitingReason(ExternalReason("ImagePullBackOff"), "Back-off pulling image"),
            id="no image",
        ),
        pytest.param(
            raw(waits("CreateContainerConfigError", 'secret "x" not found')),
            WaitingReason(ExternalReason("CreateContainerConfigError"), 'secret "x" not found'),
            id="no Secret",
        ),
        pytest.param(
            raw(waits("PodInitializing"), status=INIT),
            WaitingReason(ExternalReason("ErrImagePull"), "no runtime image"),
            id="no runtime image",
        ),
    ],
)
def test_why_a_container_waits(pod: Json, trouble: WaitingReason | None) -> None:
    assert parse_pod(pod).waiting_reason == trouble


def test_a_report_is_read() -> None:
    left = report()

    assert parse_pod(raw(terminated(to_bytes(left).decode()))).termination == Termination("Completed", 0, left)


@pytest.mark.parametrize(
    ("state", "termination"),
    [
        pytest.param(terminated("", "OOMKilled", 137), Termination("OOMKilled", 137, None), id="out of memory"),
        pytest.param(
            terminated('{"finishedAt": 1}', "Error", 1),
            Termination("Error", 1, None, '{"finishedAt": 1}', "reason is missing"),
            id="not a report",
        ),
        pytest.param({"terminated": {"exitCode": 2}}, Termination("", 2, None), id="a kubelet of few words"),
    ],
)
def test_where_there_is_no_report_the_rest_is_kept(state: Json, termination: Termination) -> None:
    assert parse_pod(raw(state)).termination == termination


@pytest.mark.parametrize(
    ("state", "has_started"),
    [
        pytest.param(RUNS, True, id="running"),
        pytest.param(terminated(), True, id="over"),
        pytest.param(NEVER_RAN, False, id="never ran"),
        pytest.param(NO_COMMAND, False, id="could not be run: the epoch is no start"),
        pytest.param(waits("ContainerCreating"), False, id="waiting"),
    ],
)
def test_when_the_container_started(state: Json, has_started: bool) -> None:
    assert parse_pod(raw(state)).started_at == (NOW if has_started else None)


DISRUPTED: Final = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager", "message": "m"}


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        pytest.param({}, None, id="none"),
        pytest.param(
            {"reason": "Evicted", "message": "disk"},
            WaitingReason(ExternalReason("Evicted"), "disk"),
            id="the pod's reason",
        ),
        pytest.param(
            {"conditions": [DISRUPTED]},
            WaitingReason(ExternalReason("DeletionByTaintManager"), "m"),
            id="its disruption",
        ),
        pytest.param(
            {"reason": "Evicted", "conditions": [DISRUPTED]},
            WaitingReason(ExternalReason("Evicted"), ""),
            id="the pod's reason comes first",
        ),
    ],
)
def test_why_a_pod_failed(status: Json, failure: WaitingReason | None) -> None:
    assert parse_pod(raw(status=status)).failure == failure


def test_the_kubelets_words_end_with_no_blank() -> None:
    evicted = {
        "phase": "Failed",
        "reason": "Evicted",
        "message": 'Usage of EmptyDir volume "a" exceeds the limit "1Mi". ',
    }
    said = parse_pod(raw(status=evicted)).failure
    assert said == WaitingReason(ExternalReason("Evicted"), 'Usage of EmptyDir volume "a" exceeds the limit "1Mi".')


def test_where_a_pod_is() -> None:
    pod = parse_pod(raw(RUNS, status={"podIP": "10.0.0.7"}))

    assert (pod.node_name, pod.address, pod.scheduled_at) == ("node-1", "10.0.0.7", NOW)


@pytest.mark.parametrize("address", ["metadata.google.internal", "10.0.0.7:80", "", None, 7, ["10.0.0.7"]])
def test_an_operator_is_sent_nowhere_but_to_an_ip_address(address: object) -> None:
    assert parse_pod(raw(RUNS, status={"podIP": address})).address is None


@pytest.mark.parametrize("port", ["x", "22", "40001"])
def test_no_annotation_says_where_a_supervisor_listens(port: str) -> None:
    assert parse_pod(raw(RUNS, annotations={"botsession.dev/control-port": port})) == parse_pod(raw(RUNS))


def test_a_deleted_pod_knows_by_when() -> None:
    assert parse_pod(raw(RUNS, **DELETED)).deletion_requested_by == datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC)


def test_a_session_that_was_just_created() -> None:
    session = parse_session(raw_session())

    assert (session.key, session.generation, session.created_at) == (Key("bots", "support-42"), 1, NOW)
    assert (session.status, session.finalizers, session.is_deleting) == (None, (), False)


def test_a_session_that_is_being_deleted() -> None:
    assert parse_session(raw_session(deletionTimestamp=AT)).is_deleting


def test_a_status_is_read_as_it_was_written() -> None:
    written = started(client_connected_at=NOW)

    assert parse_session({**raw_session(), "status": encode(written)}).status == written


def test_a_status_that_somebody_emptied_counts_as_none() -> None:
    assert parse_session({**raw_session(), "status": {}}).status is None


def test_a_spec_that_does_not_fit_is_refused() -> None:
    with pytest.raises(SpecError):
        parse_session({**raw_session(), "spec": {}})


def test_a_status_with_a_phase_of_a_newer_operator_is_read_and_judged_anew() -> None:
    of_another = {**encode(started()), "phase": "Paused"}

    assert parse_session({**raw_session(), "status": of_another}).status == replace(started(), phase=Phase.PENDING)


def test_what_a_newer_operator_has_finished_stays_finished() -> None:
    finish = {"reason": "Rebalanced", "outcome": "Drained", "reportedBy": "Peer"}
    session = parse_session({**raw_session(), "status": {**encode(started()), "phase": "Archived", "finish": finish}})

    assert session.is_finished
    assert session.status
    assert session.status.finish == Finish(Reason.UNKNOWN, Outcome.DRAINED, ReportedBy.RUNTIME)


def test_conditions_and_deliveries_that_only_a_newer_operator_knows_are_left_out() -> None:
    condition = {"status": "True", "reason": "R", "message": "", "lastTransitionTime": AT, "observedGeneration": 1}
    known, newer = {**condition, "type": "Started"}, {**condition, "type": "Blessed"}
    webhook = {"started": "Delivered", "finished": "Shelved"}
    session = parse_session(
        {**raw_session(), "status": {**encode(started()), "conditions": [newer, known], "webhook": webhook}}
    )

    assert session.status
    assert [each.type for each in session.status.conditions] == [ConditionType.STARTED]
    assert session.status.webhook == WebhookStatus(started=Delivery.DELIVERED)


@pytest.mark.parametrize("member", ["startedAt", "deadline", "finishedAt"])
def test_a_status_with_a_time_that_nothing_can_be_calculated_with_is_refused(member: str) -> None:
    with pytest.raises(SpecError, match=member):
        parse_session({**raw_session(), "status": {**encode(started()), member: "9999-12-31T23:59:59-23:59"}})


def test_a_session_without_a_readable_creation_is_refused() -> None:
    with pytest.raises(SpecError, match="creationTimestamp"):
        parse_session(raw_session(creationTimestamp="0001-01-01T00:00:00+14:00"))


def test_metadata_is_read_whatever_the_rest_is() -> None:
    raw_metadata = raw_session(finalizers=["botsession.dev/cleanup"], deletionTimestamp=AT)

    known = parse_metadata({**raw_metadata, "spec": {}, "status": {"phase": "Paused"}})

    assert known == SessionMetadata(KEY, UID, "1", is_deleting=True, finalizers=("botsession.dev/cleanup",))
    assert known.has_finalizer
