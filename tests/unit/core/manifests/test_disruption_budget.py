"""What the PodDisruptionBudget of a session says."""

from botsession_operator.core.manifests.disruption_budget import build_budget
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from tests.builders import UID, session

SETTINGS = PodSettings("registry.example/runtime:1", Injection.IMAGE_VOLUME)


def test_a_budget_needs_the_one_pod() -> None:
    spec = build_budget(session())["spec"]

    assert spec["minAvailable"] == 1
    assert spec["unhealthyPodEvictionPolicy"] == "IfHealthyBudget"


def test_a_budget_selects_the_sessions_pod_and_bears_its_name() -> None:
    budget, pod = build_budget(session()), build_pod(session(), "0" * 64, SETTINGS)

    assert budget["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert budget["metadata"]["name"] == pod["metadata"]["name"]


def test_a_budget_does_not_select_the_pod_of_an_earlier_session_of_the_name() -> None:
    assert UID in build_budget(session())["spec"]["selector"]["matchLabels"].values()


def test_a_budget_goes_with_its_session() -> None:
    (owner,) = build_budget(session())["metadata"]["ownerReferences"]

    assert owner["uid"] == UID
