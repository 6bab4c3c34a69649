"""What the chart makes of how sessions are reached."""

import base64
from pathlib import Path
from typing import Any, Final

import pytest

from botsession_operator.core.manifests.service_and_route import Exposure
from botsession_operator.settings import read_settings
from tests import kubelet
from tests.chart.conftest import CHART, Helm, Render, Rendered

ROUTES: Final = {
    "Ingress": ("networking.k8s.io/v1", "networking.k8s.io", "ingresses"),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "gateway.networking.k8s.io", "httproutes"),
}
VERBS: Final = ["get", "create", "delete"]


def rights(objects: Rendered) -> list[tuple[str, str, list[str]]]:
    """Return what the operator may do, by group and resource."""
    (role,) = (each for each in objects.of("ClusterRole") if each["metadata"]["name"] == "botsession-operator")
    rules = role["rules"]
    return [(rule["apiGroups"][0], rule["resources"][0], rule["verbs"]) for rule in rules]


def read(objects: Rendered, folder: Path) -> Exposure:
    """Return what the operator reads out of its environment."""
    key = folder / "control-key"
    key.write_bytes(base64.b64decode(objects.one("Secret")["data"]["control-key"]))
    container = objects.pod["containers"][0]
    environment = kubelet.environment(container, {})
    return read_settings({**environment, "BOTSESSION_CONTROL_KEY_FILE": str(key)}).exposure


def test_the_operator_may_make_services_and_no_routes(render: Render) -> None:
    allowed = rights(render())
    assert ("", "services", VERBS) in allowed
    assert not {"ingresses", "httproutes"} & {resource for _, resource, _ in allowed}


def test_sessions_are_reached_inside_the_cluster_by_default(render: Render, tmp_path: Path) -> None:
    assert read(render(), tmp_path) == Exposure()


@pytest.mark.parametrize("kind", ROUTES)
def test_the_operator_may_make_the_kind_of_route_that_it_is_given(render: Render, kind: str) -> None:
    version, group, resource = ROUTES[kind]
    assert (group, resource, VERBS) in rights(render(expose__route={"apiVersion": version, "kind": kind}))


def test_the_operator_understands_both_templates(render: Render, tmp_path: Path) -> None:
    url = "${scheme}s://bots.example.com/${namespace}/${name}${path}"
    backend = {"service": {"name": "${service}", "port": {"number": "${port}"}}}
    annotations = {"rewrite": "/$2", "shell": "$(name) $$(HOME) $$", "accent": "$é"}
    route: dict[str, Any] = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}
    route |= {"metadata": {"annotations": annotations}, "spec": {"defaultBackend": backend}}
    made = read(render(expose__url=url, expose__route=route), tmp_path)
    assert made.url == url
    assert made.route
    assert made.route == route


def test_a_route_of_another_kind_is_refused(helm: Helm) -> None:
    refused = helm("template", "botsession", CHART, '--set-json=expose.route={"apiVersion": "v1", "kind": "Pod"}')
    assert refused.returncode
    assert "expose/route/kind" in refused.stderr
