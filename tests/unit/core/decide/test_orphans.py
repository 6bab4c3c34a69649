"""Rule: what becomes of a pod whose session is being deleted and cannot be read."""

import pytest

from botsession_operator.core.decide.orphans import plan_orphan
from botsession_operator.core.decide.plan import ControllerTimeouts, Plan, PodDeletion
from botsession_operator.core.observe.observed import Pod
from tests.builders import NOW, ago, ended, pod


@pytest.mark.parametrize(
    ("seen", "made"),
    [
        pytest.param(pod(), Plan(delete_pod=PodDeletion.NORMAL, release_pod=True), id="it ends gracefully"),
        pytest.param(ended(), Plan(delete_pod=PodDeletion.NORMAL, release_pod=True), id="it is over"),
        pytest.param(pod(deletion_requested_by=ago(14)), Plan(release_pod=True), id="the kubelet is at it"),
        pytest.param(pod(deletion_requested_by=ago(14), finalizers=()), Plan(), id="it is let go"),
        pytest.param(
            pod(deletion_requested_by=ago(15), finalizers=()),
            Plan(delete_pod=PodDeletion.FORCED),
            id="the kubelet does not do it",
        ),
    ],
)
def test_how_the_pod_goes(seen: Pod, made: Plan) -> None:
    assert plan_orphan(seen, NOW, ControllerTimeouts()) == made
