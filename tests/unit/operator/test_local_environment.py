"""What a bot's variables hold on this machine, and what is said of those that hold nothing."""

import os
from typing import Any

import pytest

from botsession_operator.errors import PodRefused
from botsession_operator.local.environment import environment
from tests.manifests import Json

FIELDS: Json = {
    "metadata": {"name": "a-1", "namespace": "bots", "labels": {"team": "x"}, "annotations": {"a/b": "c"}},
    "spec": {"serviceAccountName": "voice"},
}
SIDECAR: Json = {"name": "recorder", "resources": {"limits": {"memory": "64Mi", "hugepages-2Mi": "4Mi"}}}
NATIVE: Json = {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "250m"}}}
RESOURCES: Json = {"limits": {"memory": "1Gi", "cpu": "1500m"}, "requests": {"cpu": 0.5}}


def value(source: Json, **shell: str) -> str | None:
    env: list[Any] = [{"name": "X", "valueFrom": source}]
    container = {"name": "bot", "env": env, "resources": RESOURCES}
    pod = {**FIELDS, "spec": {**FIELDS["spec"], "containers": [SIDECAR, container], "initContainers": [NATIVE]}}
    return environment(pod, shell).get("X")


def field(path: str) -> str | None:
    return value({"fieldRef": {"fieldPath": path}})


@pytest.mark.parametrize(
    ("path", "held"),
    [
        ("metadata.name", "a-1"),
        ("metadata.namespace", "bots"),
        ("metadata.labels['team']", "x"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['a/b']", "c"),
        ("spec.nodeName", os.uname().nodename),
        ("spec.host", os.uname().nodename),
        ("spec.serviceAccountName", "voice"),
        ("status.podIP", "127.0.0.1"),
        ("status.hostIPs", "127.0.0.1"),
    ],
)
def test_field_of_the_pod_has_its_value(path: str, held: str) -> None:
    assert field(path) == held


def test_field_that_no_variable_can_have_is_refused() -> None:
    with pytest.raises(PodRefused, match=r"env X: a pod has no field spec\.containers that a variable can have"):
        field("spec.containers")


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ({"name": "A=B", "value": "x"}, r"env A=B: a variable's name has printable ASCII characters only, and no ="),
        ({"name": "A\0", "value": "x"}, r"env A\\x00: a variable's name has printable"),
        ({"name": "A", "value": "x\0y"}, r"env A: no variable can have a value with the character \\x00 in it"),
    ],
)
def test_variable_that_no_process_can_have_is_refused(variable: Json, sentence: str) -> None:
    pod = {**FIELDS, "spec": {"containers": [{"name": "bot", "env": [variable]}]}}
    with pytest.raises(PodRefused, match=sentence):
        environment(pod, {})


@pytest.mark.parametrize(
    ("resource", "divisor", "held"),
    [
        ("limits.memory", "1Mi", "1024"),
        ("limits.memory", "1", str(2**30)),
        ("limits.cpu", "1", "2"),
        ("limits.cpu", "1m", "1500"),
        ("requests.cpu", "1m", "500"),
        ("requests.memory", "1Gi", "1"),
        ("requests.ephemeral-storage", "1", "0"),
    ],
)
def test_resource_has_its_amount(resource: str, divisor: str, held: str) -> None:
    assert value({"resourceFieldRef": {"resource": resource, "divisor": divisor}}) == held


def test_amount_without_a_limit_is_the_machines() -> None:
    assert int(str(value({"resourceFieldRef": {"resource": "limits.ephemeral-storage"}}))) > 0


@pytest.mark.parametrize(
    ("container", "resource", "held"),
    [
        pytest.param("recorder", "limits.memory", "64", id="a sidecar's limit"),
        pytest.param("recorder", "requests.memory", "64", id="a sidecar's request, which is its limit"),
        pytest.param("recorder", "limits.hugepages-2Mi", "4", id="a sidecar's huge pages"),
        pytest.param("bot", "limits.memory", "1024", id="the bot's own"),
        pytest.param("", "limits.memory", "1024", id="no name"),
        pytest.param("bot", "limits.hugepages-2Mi", "0", id="huge pages of a bot that has none"),
        pytest.param("proxy", "limits.memory", "0", id="no limit of an init container"),
    ],
)
def test_resource_is_that_of_the_named_container(container: str, resource: str, held: str) -> None:
    ref = {"containerName": container, "resource": resource, "divisor": "1Mi"}
    assert value({"resourceFieldRef": ref}) == held


def test_request_is_that_of_the_named_init_container() -> None:
    ref = {"containerName": "proxy", "resource": "requests.cpu", "divisor": "1m"}
    assert value({"resourceFieldRef": ref}) == "250"


def test_limit_that_a_sidecar_has_not_is_the_machines() -> None:
    ref = {"containerName": "recorder", "resource": "limits.cpu"}
    assert value({"resourceFieldRef": ref}) == str(os.cpu_count())


def test_resource_of_a_container_that_is_not_there_is_refused() -> None:
    with pytest.raises(PodRefused, match=r"^env X: container nobody not found$"):
        value({"resourceFieldRef": {"containerName": "nobody", "resource": "limits.cpu"}})


@pytest.mark.parametrize(("kind", "name"), [("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")])
def test_value_of_a_secret_is_the_shells(kind: str, name: str) -> None:
    ref = {"name": "crm", "key": "k"}
    assert value({kind: ref}, X="here") == "here"
    assert value({kind: {**ref, "optional": True}}) is None
    with pytest.raises(PodRefused) as refused:
        value({kind: ref})
    assert refused.value.message == (
        f"env X: there are no {name}s here ({name} crm, key k); set X in your environment instead"
    )
