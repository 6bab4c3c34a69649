"""Several shards: an operator with standbys for each, which divide the namespaces among them."""

from pathlib import Path
from typing import Final

import pytest

from botsession_operator.core.names import LEADER_LABEL
from botsession_operator.core.shards import Shard
from botsession_operator.settings import Settings, read_settings
from tests import kubelet
from tests.chart.conftest import CHART, Helm, Render, Rendered
from tests.manifests import Json

FULLNAME: Final = "botsession-operator"
NAMES: Final = [f"{FULLNAME}-shard-{index}" for index in range(3)]
SHARD_LABEL: Final = "botsession.dev/shard"


@pytest.fixture
def three(render: Render) -> Rendered:
    return render(shards=3, replicas=2)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(b"x" * 48)
    return path


def names(objects: list[Json]) -> list[str]:
    return [item["metadata"]["name"] for item in objects]


def settings(workload: Json, key: Path) -> Settings:
    """Return the settings that the program of a Deployment or a Job reads."""
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    return read_settings({**kubelet.environment(container, {}), "BOTSESSION_CONTROL_KEY_FILE": str(key)})


def test_each_shard_has_operators_of_its_own(three: Rendered, key: Path) -> None:
    deployments = three.of("Deployment")

    assert names(deployments) == NAMES
    assert [each["spec"]["replicas"] for each in deployments] == [2, 2, 2]
    assert [settings(each, key).shard for each in deployments] == [Shard(index, 3) for index in range(3)]


def test_no_deployment_selects_the_pods_of_another_shard(three: Rendered) -> None:
    for index, deployment in enumerate(three.of("Deployment")):
        selected = deployment["spec"]["selector"]["matchLabels"]
        assert selected[SHARD_LABEL] == str(index)
        assert selected.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_pokes_find_the_leader_of_the_shard_that_made_the_pod(three: Rendered, key: Path) -> None:
    services = three.of("Service")

    assert names(services) == NAMES
    for service, deployment in zip(services, three.of("Deployment"), strict=True):
        pods = deployment["spec"]["selector"]["matchLabels"]
        assert service["spec"]["selector"] == {**pods, LEADER_LABEL: "true"}
        where = f"http://{service['metadata']['name']}.botsession-system.svc:8475"
        assert settings(deployment, key).poke_base_url == where


def test_the_operators_may_hold_the_leases_that_they_ask_for(three: Rendered, key: Path) -> None:
    (role,) = (item for item in three.of("Role") if item["metadata"]["name"] == f"{FULLNAME}-leader")
    (held,) = (rule["resourceNames"] for rule in role["rules"] if "resourceNames" in rule)
    asked = []
    for workload in (*three.of("Deployment"), three.one("Job")):
        found = settings(workload, key)
        assert found.lease == ("botsession-system", FULLNAME)
        asked.append(found.shard.lease_name(found.lease[1]))

    assert sorted(held) == sorted(asked)
    assert ["create", "list"] in [rule["verbs"] for rule in role["rules"]]


def test_what_uninstalls_stops_all_shards_and_works_for_all(three: Rendered, key: Path) -> None:
    job = three.one("Job")
    found = settings(job, key)
    (role,) = (item for item in three.of("Role") if item["metadata"]["name"].endswith("-uninstall"))

    assert found.shard == Shard()
    assert found.deployments == tuple(("botsession-system", name) for name in NAMES)
    assert role["rules"][0]["resourceNames"] == NAMES
    assert SHARD_LABEL not in job["spec"]["template"]["metadata"]["labels"]


def test_a_drain_leaves_an_operator_of_each_shard(three: Rendered) -> None:
    budgets, deployments = three.of("PodDisruptionBudget"), three.of("Deployment")

    assert names(budgets) == NAMES
    for budget, deployment in zip(budgets, deployments, strict=True):
        selector = deployment["spec"]["selector"]
        assert budget["spec"] == {"minAvailable": 1, "selector": selector}
        (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"] == selector


def test_shards_of_one_operator_each_have_a_lease_and_no_budget_which_would_stop_a_drain(
    render: Render, key: Path
) -> None:
    objects = render(shards=2, replicas=1)

    assert not objects.of("PodDisruptionBudget")
    for deployment in objects.of("Deployment"):
        assert settings(deployment, key).lease
        assert deployment["spec"]["strategy"]["type"] == "RollingUpdate"


@pytest.mark.parametrize("kind", ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "NetworkPolicy", "Secret"])
def test_shards_share_all_else(render: Render, three: Rendered, kind: str) -> None:
    assert names(three.of(kind)) == names(render(replicas=2).of(kind))


def test_what_opens_the_operators_port_and_what_scrapes_it_select_all_shards(render: Render) -> None:
    scraped = {"metrics__podMonitor__enabled": True, "networkPolicy__metricsFrom": [{"namespaceSelector": {}}]}
    objects = render(shards=3, **scraped)
    policy = objects.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    monitor = objects.one("PodMonitor")["spec"]["selector"]["matchLabels"]

    for deployment in objects.of("Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert policy.items() <= labels.items()
        assert monitor.items() <= labels.items()


def test_one_shard_is_named_as_before(render: Render, key: Path) -> None:
    objects = render()

    for kind in ("Deployment", "Service"):
        assert names(objects.of(kind)) == [FULLNAME]
    assert SHARD_LABEL not in objects.one("Deployment")["spec"]["selector"]["matchLabels"]
    assert settings(objects.one("Deployment"), key).shard == Shard()


def test_names_of_shards_are_short_enough(helm: Helm) -> None:
    rendered = helm(
        *("template", "botsession", CHART, "--set=shards=16", f"--set=fullnameOverride={'x' * 63}"),
        "--show-only=templates/deployment.yaml",
    ).stdout
    found = [line.split()[1] for line in rendered.splitlines() if line.startswith("  name: ")]

    assert len(set(found)) == 16
    assert max(map(len, found)) == 63
