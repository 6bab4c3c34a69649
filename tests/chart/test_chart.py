"""What the chart installs."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
import yaml

from botsession_contract.control import LIVEZ_PATH, READYZ_PATH
from botsession_contract.heartbeat import HEARTBEAT_PORT
from botsession_contract.names import PLURAL, SESSION_FINALIZER
from botsession_operator.api.admission import admit
from botsession_operator.core.decide.host_network import CONTROL_PORTS
from botsession_operator.core.names import LEADER_LABEL
from botsession_operator.core.observe.webhook_delivery import EventType
from botsession_operator.settings import read_settings
from tests import kubelet, yaml_files
from tests.chart.conftest import CHART, ROOT, Helm, Render, Rendered
from tests.manifests import Json

VERBS = {"get", "list", "watch", "create", "patch", "update", "delete"}


def environment(objects: Rendered) -> dict[str, str]:
    return kubelet.environment(objects.pod["containers"][0], {})


def of_operator(objects: Rendered, kind: str) -> list[Json]:
    """Return what is the operator's: not what uninstalls it, and not roles for people."""
    return [item for item in objects.of(kind) if item["metadata"]["name"] == "botsession-operator"]


def test_the_chart_passes_helms_strict_lint(helm: Helm) -> None:
    result = helm("lint", "--strict", CHART)
    assert result.returncode == 0, result.stdout


def test_the_crd_is_the_projects_own(render: Render) -> None:
    installed = render().one("CustomResourceDefinition")
    assert installed["spec"] == yaml_files.read(ROOT / "crds/botsession.yaml")["spec"]


def test_uninstalling_keeps_the_crd_and_all_sessions_with_it(render: Render) -> None:
    annotations = render().one("CustomResourceDefinition")["metadata"]["annotations"]
    assert annotations == {"helm.sh/resource-policy": "keep"}


def test_the_crd_goes_with_the_release_where_that_is_wanted(render: Render) -> None:
    assert "annotations" not in render(crds__keep=False).one("CustomResourceDefinition")["metadata"]


def test_the_crd_can_be_installed_by_other_means(render: Render) -> None:
    assert not render(crds__enabled=False).of("CustomResourceDefinition")


def test_the_operator_gets_no_wildcard_right(render: Render) -> None:
    (role,) = of_operator(render(), "ClusterRole")
    for rule in role["rules"]:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert VERBS.issuperset(rule["verbs"])


def test_the_operator_may_never_read_secrets_or_write_specs(render: Render) -> None:
    rules = of_operator(render(), "ClusterRole")[0]["rules"]
    assert "secrets" not in [resource for rule in rules for resource in rule["resources"]]
    (sessions,) = (rule for rule in rules if rule["resources"] == ["botsessions"])
    assert not {"create", "update"}.intersection(sessions["verbs"])


def test_the_operator_may_delete_sessions_whose_time_as_a_record_is_over(render: Render) -> None:
    (role,) = of_operator(render(), "ClusterRole")
    (sessions,) = (rule for rule in role["rules"] if rule["resources"] == ["botsessions"])
    assert "delete" in sessions["verbs"]


def test_watching_some_namespaces_needs_rights_in_those_alone(render: Render) -> None:
    objects = render(watchNamespaces=["a", "b"])
    assert not of_operator(objects, "ClusterRole") + objects.of("ClusterRoleBinding")
    for kind in ("Role", "RoleBinding"):
        assert [item["metadata"]["namespace"] for item in of_operator(objects, kind)] == ["a", "b"]
    assert environment(objects)["BOTSESSION_WATCH_NAMESPACES"] == "a,b"


ADMISSION_POLICY = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"


def test_the_api_server_puts_the_finalizer_on_where_it_can(render: Render) -> None:
    objects = render(has=ADMISSION_POLICY)
    policy, binding = objects.one("MutatingAdmissionPolicy"), objects.one("MutatingAdmissionPolicyBinding")
    assert SESSION_FINALIZER in policy["spec"]["mutations"][0]["applyConfiguration"]["expression"]
    assert policy["spec"]["matchConstraints"]["resourceRules"][0]["resources"] == [PLURAL]
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]


@pytest.mark.parametrize(
    ("has", "values"),
    [
        pytest.param("v1", {}, id="a cluster that has no such policies"),
        pytest.param(ADMISSION_POLICY, {"finalizer": "Operator"}, id="not wanted"),
        pytest.param(ADMISSION_POLICY, {"watchNamespaces": ["a"]}, id="sessions elsewhere are not ours to hold"),
    ],
)
def test_otherwise_the_operator_does(render: Render, has: str, values: Json) -> None:
    assert not render(has=has, **values).of("MutatingAdmissionPolicy")


def test_rights_are_the_same_in_one_namespace_as_in_all(render: Render) -> None:
    (role,) = of_operator(render(watchNamespaces=["a"]), "Role")
    (cluster_role,) = of_operator(render(), "ClusterRole")
    assert role["rules"] == cluster_role["rules"]


@pytest.mark.parametrize("namespaces", [[], ["a"]])
def test_rights_are_bound_to_the_operators_account(render: Render, namespaces: list[str]) -> None:
    objects = render(watchNamespaces=namespaces)
    (binding,) = of_operator(objects, "RoleBinding") or of_operator(objects, "ClusterRoleBinding")
    (subject,) = binding["subjects"]
    assert (subject["name"], subject["namespace"]) == (objects.pod["serviceAccountName"], "botsession-system")
    assert of_operator(objects, "ServiceAccount")


def test_the_pod_meets_the_restricted_security_standard(render: Render) -> None:
    spec = render().pod
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_two_operators_never_work_side_by_side_without_a_lease(render: Render) -> None:
    objects = render(replicas=1)
    deployment = objects.one("Deployment")["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert "BOTSESSION_LEASE" not in environment(objects)


def test_of_several_operators_one_goes_only_when_another_one_is_ready(render: Render) -> None:
    deployment = render().one("Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_operators_spread_over_nodes_and_a_drain_leaves_one(render: Render) -> None:
    objects = render(replicas=3)
    (constraint,) = objects.pod["topologySpreadConstraints"]
    selector = objects.one("Deployment")["spec"]["selector"]
    assert (constraint["labelSelector"], constraint["whenUnsatisfiable"]) == (selector, "ScheduleAnyway")
    assert objects.one("PodDisruptionBudget")["spec"] == {"minAvailable": 1, "selector": selector}


def test_one_operator_has_no_budget_which_would_stop_a_drain(render: Render) -> None:
    objects = render(replicas=1)
    assert not objects.of("PodDisruptionBudget")
    assert "topologySpreadConstraints" not in objects.pod


def test_all_operators_and_what_uninstalls_stand_for_one_lease(render: Render, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"x" * 48)
    objects = render()
    (job,) = objects.one("Job")["spec"]["template"]["spec"]["containers"]
    for container in (objects.pod["containers"][0], job):
        values = kubelet.environment(container, {})
        settings = read_settings({**values, "BOTSESSION_CONTROL_KEY_FILE": str(tmp_path / "key")})
        assert (settings.lease, settings.pod_name) == (("botsession-system", "botsession-operator"), kubelet.OWN_NAME)


def test_the_operator_understands_its_environment(render: Render, tmp_path: Path) -> None:
    key = tmp_path / "control-key"
    key.write_bytes(base64.b64decode(render().one("Secret")["data"]["control-key"]))
    given: Json = {"watchNamespaces": ["a"], "hostNetwork__controlPorts": "21000-21099"}
    values = environment(render(workers=3, log__level="debug", **given))
    settings = read_settings({**values, "BOTSESSION_CONTROL_KEY_FILE": str(key)})
    assert (settings.workers, settings.log_level, settings.namespaces, settings.port) == (3, "debug", ("a",), 8475)
    assert settings.host_ports == range(21000, 21100)
    assert len(settings.control_keys.current) == 48


def test_the_operator_and_the_chart_have_one_range_for_ports_of_nodes(render: Render) -> None:
    given = environment(render())["BOTSESSION_HOST_NETWORK_PORTS"]
    assert given == f"{CONTROL_PORTS[0]}-{CONTROL_PORTS[-1]}"


@pytest.mark.parametrize("injection", ["Auto", "ImageVolume", "InitContainer"])
def test_the_operator_understands_each_injection(render: Render, tmp_path: Path, injection: str) -> None:
    (tmp_path / "key").write_bytes(b"x" * 48)
    values = environment(render(runtime__injection=injection))
    settings = read_settings({**values, "BOTSESSION_CONTROL_KEY_FILE": str(tmp_path / "key")})
    assert (settings.injection or "Auto") == injection


def test_supervisors_are_told_where_the_service_is(render: Render) -> None:
    objects = render()
    service, ports = objects.one("Service"), objects.pod["containers"][0]["ports"]
    pokes, heartbeats = service["spec"]["ports"]
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert environment(objects)["BOTSESSION_POKE_BASE_URL"] == f"http://{host}:{pokes['port']}"
    assert environment(objects)["BOTSESSION_HEARTBEAT_ADDRESS"] == f"{host}:{heartbeats['port']}"
    assert [each["targetPort"] for each in (pokes, heartbeats)] == [each["name"] for each in ports]
    assert heartbeats["protocol"] == ports[1]["protocol"] == "UDP"
    assert heartbeats["port"] == ports[1]["containerPort"] == HEARTBEAT_PORT
    assert len({each["port"] for each in (pokes, heartbeats)}) == 2, "kubectl apply merges ports by number alone"


@pytest.mark.parametrize(("replicas", "leader"), [(1, {}), (2, {LEADER_LABEL: "true"})])
def test_the_service_selects_the_pod_of_the_operator_that_works(
    render: Render, replicas: int, leader: dict[str, str]
) -> None:
    objects = render(replicas=replicas)
    deployment, service = objects.one("Deployment")["spec"], objects.one("Service")["spec"]
    pods = deployment["selector"]["matchLabels"]
    assert service["selector"] == {**pods, **leader}
    assert pods.items() <= deployment["template"]["metadata"]["labels"].items()


def test_labels_of_the_user_cannot_hide_the_pod_from_its_service(render: Render) -> None:
    objects = render(podLabels={"app.kubernetes.io/name": "other", "team": "voice"})
    labels = objects.one("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert (labels["app.kubernetes.io/name"], labels["team"]) == ("botsession-operator", "voice")


def test_probes_ask_what_the_operator_serves(render: Render) -> None:
    container = render().pod["containers"][0]
    assert container["livenessProbe"]["httpGet"]["path"] == LIVEZ_PATH
    assert container["readinessProbe"]["httpGet"]["path"] == READYZ_PATH


def test_the_control_key_is_random(render: Render) -> None:
    assert render(workers=1).one("Secret")["data"] != render(workers=2).one("Secret")["data"]


def test_a_key_of_the_users_own_replaces_the_made_one(render: Render) -> None:
    objects = render(controlKey__existingSecret="mine", controlKey__existingSecretKey="key")
    (volume,) = (volume for volume in objects.pod["volumes"] if "secret" in volume)
    assert not objects.of("Secret")
    assert volume["secret"]["secretName"] == "mine"
    assert volume["secret"]["items"] == [{"key": "key", "path": "control-key"}]


def test_the_key_is_mounted_where_the_operator_looks(render: Render) -> None:
    objects = render()
    (mount,) = (mount for mount in objects.pod["containers"][0]["volumeMounts"] if mount["name"] == "control-key")
    assert environment(objects)["BOTSESSION_CONTROL_KEY_FILE"] == f"{mount['mountPath']}/control-key"


LISTENED: Final = {"webhook__url": "https://example.com/hook", "webhook__existingSecret": "mine"}


def test_nobody_is_told_of_sessions_by_default(render: Render) -> None:
    objects = render()
    assert [name for name in environment(objects) if "WEBHOOK" in name] == []
    assert "webhook-secret" not in {volume["name"] for volume in objects.pod["volumes"]}


def test_the_operator_understands_its_webhook(render: Render, tmp_path: Path) -> None:
    for file, content in (("key", "x" * 48), ("secret", "whsec_" + "A" * 32)):
        (tmp_path / file).write_text(content)
    narrowed = {"webhook__events": ["finished"], "webhook__source": "//prod", "webhook__patienceSeconds": 1500000}
    values = environment(render(**LISTENED, **narrowed))
    files = {"BOTSESSION_CONTROL_KEY_FILE": tmp_path / "key", "BOTSESSION_WEBHOOK_SECRET_FILE": tmp_path / "secret"}
    settings = read_settings({**values, **{name: str(file) for name, file in files.items()}})
    assert settings.webhook is not None
    assert (settings.webhook.url, settings.webhook.source) == ("https://example.com/hook", "//prod")
    assert settings.webhook.events == {EventType.FINISHED}
    assert settings.timeouts.webhook_patience == timedelta(seconds=1500000)


def test_the_webhooks_secret_is_mounted_where_the_operator_looks(render: Render) -> None:
    objects = render(**LISTENED, webhook__existingSecretKey="key")
    (volume,) = (volume for volume in objects.pod["volumes"] if volume["name"] == "webhook-secret")
    (mount,) = (mount for mount in objects.pod["containers"][0]["volumeMounts"] if mount["name"] == "webhook-secret")
    assert volume["secret"]["secretName"] == "mine"
    assert volume["secret"]["items"] == [{"key": "key", "path": "secret"}]
    assert environment(objects)["BOTSESSION_WEBHOOK_SECRET_FILE"] == f"{mount['mountPath']}/secret"


def test_uninstalling_ends_all_sessions_before_anything_is_removed(render: Render) -> None:
    job = render().one("Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    assert "before-hook-creation" in job["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    (operator,) = job["spec"]["template"]["spec"]["containers"]
    assert operator["args"] == ["uninstall"]


def test_uninstalling_does_not_wait_for_a_signing_secret_that_is_gone(render: Render) -> None:
    objects = render(**LISTENED)
    pods = objects.pod, objects.one("Job")["spec"]["template"]["spec"]
    volumes = [volume for spec in pods for volume in spec["volumes"] if volume["name"] == "webhook-secret"]
    assert [volume["secret"].get("optional", False) for volume in volumes] == [False, True]


def test_uninstalling_can_leave_the_sessions_alone(render: Render) -> None:
    objects = render(uninstall__endSessions=False)
    assert not objects.of("Job")
    assert not [item for item in objects if "uninstall" in item["metadata"]["name"]]


def test_what_uninstalls_is_the_operator_itself(render: Render) -> None:
    objects = render(nodeSelector={"a": "b"}, imagePullSecrets=[{"name": "x"}], watchNamespaces=["a"])
    template = objects.one("Job")["spec"]["template"]
    usual = objects.one("Deployment")["spec"]["template"]
    assert template["metadata"] == usual["metadata"]
    (container,), (usual_container,) = template["spec"].pop("containers"), usual["spec"].pop("containers")
    account = {"serviceAccountName": template["spec"]["serviceAccountName"]}
    del usual["spec"]["topologySpreadConstraints"]  # it has no second pod
    assert {**usual["spec"], **account, "restartPolicy": "OnFailure"} == template["spec"]
    assert usual_container["env"] == container["env"][: len(usual_container["env"])]
    assert {**usual_container, "args": ["uninstall"], "env": container["env"]} == container


def test_the_api_server_holds_no_new_sessions_while_uninstalling(render: Render) -> None:
    objects = render(has=ADMISSION_POLICY)
    (role,) = (item for item in objects.of("ClusterRole") if item["metadata"]["name"].endswith("-uninstall"))
    (rule,) = role["rules"]
    binding = objects.one("MutatingAdmissionPolicyBinding")["metadata"]["name"]
    assert (rule["resources"], rule["resourceNames"]) == (["mutatingadmissionpolicybindings"], [binding])
    assert rule["verbs"] == ["delete"]
    (container,) = objects.one("Job")["spec"]["template"]["spec"]["containers"]
    assert {"name": "BOTSESSION_FINALIZER_POLICY", "value": binding} in container["env"]


def test_what_uninstalls_understands_its_environment(render: Render, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"x" * 48)
    objects = render(uninstall__timeoutSeconds=600)
    (container,) = objects.one("Job")["spec"]["template"]["spec"]["containers"]
    values = kubelet.environment(container, {})
    settings = read_settings({**values, "BOTSESSION_CONTROL_KEY_FILE": str(tmp_path / "key")})
    assert settings.deployments == (("botsession-system", objects.one("Deployment")["metadata"]["name"]),)
    assert settings.uninstall_timeout == timedelta(minutes=10)
    assert objects.one("Job")["spec"]["activeDeadlineSeconds"] == 660


def test_the_notes_hold_a_session_that_admission_takes() -> None:
    notes = (CHART / "templates/NOTES.txt").read_text()
    manifest = notes.split("<<EOF\n")[1].split("\nEOF")[0]
    assert admit(yaml.safe_load(manifest))["spec"]["bot"]["target"] == "bot.py"


def test_the_chart_and_the_package_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert f'version = "{chart["appVersion"]}"' in (ROOT / "pyproject.toml").read_text()
