"""Whoever may patch a pod cannot stop the operator from reading it: `parse_pod` raises for nothing."""

import copy
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.names import REPORT_FINALIZER
from botsession_operator.api.spec import Json
from botsession_operator.core.observe.observed import Pod, PodState
from botsession_operator.core.observe.parse import parse_pod

AT: Final = "2026-01-31T12:00:00Z"
#: Everything that is read of a pod, so that each place of it can be spoiled.
WHOLE: Final[Json] = {
    "metadata": {
        "namespace": "bots",
        "name": "support-42-pod",
        "uid": "pod-uid",
        "resourceVersion": "3",
        "finalizers": [REPORT_FINALIZER],
        "annotations": {"botsession.dev/control-port": "22"},
        "labels": {"botsession.dev/session": "support-42", "botsession.dev/session-uid": "uid"},
        "ownerReferences": [
            {
                "apiVersion": "botsession.dev/v1alpha1",
                "kind": "BotSession",
                "name": "n",
                "uid": "uid",
                "controller": True,
            }
        ],
        "deletionTimestamp": AT,
        "deletionGracePeriodSeconds": 30,
    },
    "spec": {"nodeName": "node-1", "activeDeadlineSeconds": 5},
    "status": {
        "phase": "Running",
        "podIP": "10.0.0.7",
        "reason": "Evicted",
        "message": "disk",
        "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": AT, "reason": "R", "message": "m"},
            {"type": "DisruptionTarget", "status": "True", "reason": "R", "message": "m"},
        ],
        "initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "ErrImagePull", "message": "m"}}}],
        "containerStatuses": [
            {"name": "sidecar", "state": {"running": {"startedAt": AT}}},
            {
                "name": "bot",
                "state": {
                    "running": {"startedAt": AT},
                    "waiting": {"reason": "ImagePullBackOff", "message": "m"},
                    "terminated": {"exitCode": 0, "reason": "Error", "startedAt": AT, "message": "{}"},
                },
            },
        ],
    },
}
SPOILED: Final[tuple[Any, ...]] = (
    None, True, 7, -1, 10**400, 1e300, float("nan"), "", "x", "\x1b[31m\ud800\x00", [], {}, [None], [[]], [{}],
    {"a": {}}, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "[" * 5000,
    {"terminated": None}, {"startedAt": 7},
)  # fmt: skip
ANY: Final = st.recursive(
    st.sampled_from(SPOILED) | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=8,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of each member, however deep."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [each for key, item in pairs for each in ((*at, key), *places(item, (*at, key)))]


def spoiled(place: tuple[Any, ...], by: Any) -> Json:
    pod = copy.deepcopy(WHOLE)
    inside: Any = pod
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = by
    return pod


@pytest.mark.parametrize("place", places(WHOLE), ids=lambda place: ".".join(map(str, place)))
def test_a_pod_with_anything_in_a_place_is_read(place: tuple[Any, ...]) -> None:
    for by in SPOILED:
        assert isinstance(parse_pod(spoiled(place, by)), Pod)


@given(
    ANY.filter(lambda value: isinstance(value, dict))
    | st.fixed_dictionaries({}, optional={"metadata": ANY, "spec": ANY, "status": ANY})
)
def test_a_pod_of_any_shape_is_read(raw: Any) -> None:
    assert isinstance(parse_pod(raw), Pod)


@given(st.sampled_from(places(WHOLE)), ANY, st.sampled_from(places(WHOLE)[:12]), ANY)
def test_a_pod_that_is_spoiled_in_two_places_is_read(first: Any, one: Any, second: Any, other: Any) -> None:
    pod = spoiled(first, one)
    if isinstance(pod.get("metadata"), dict) and second[0] == "metadata" and len(second) == 2:
        pod["metadata"][second[1]] = other
    assert isinstance(parse_pod(pod), Pod)


def test_a_pod_whose_container_cannot_be_read_is_still_known_by_name_and_held() -> None:
    pod = parse_pod({**WHOLE, "status": "gone", "spec": None})

    assert (pod.name, pod.uid, pod.has_finalizer, pod.is_deleting) == ("support-42-pod", "pod-uid", True, True)
    assert pod.state is PodState.TERMINATED
