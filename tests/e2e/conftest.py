"""The cluster that the e2e tests run on, the operator installed on it by its chart, and a namespace for each test."""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from botsession_contract.names import GROUP, PLURAL, SESSION_FINALIZER, VERSION
from tests.e2e.world import (
    OPERATOR_PODS,
    PATIENCE,
    RESTRICTED,
    ROOT,
    SYSTEM_NAMESPACE,
    World,
    kubectl,
    make_namespace,
    wait_until,
)
from tests.manifests import session

HELM = ROOT / ".tools/bin/helm"


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """Return a live cluster with the operator installed; where none can be had, the run fails and says why."""
    ready = subprocess.run([ROOT / "hack/ready"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ready.returncode == 0, f"hack/ready could not bring up the cluster:\n{ready.stderr}"
    path = ROOT / ".tools/kubeconfig"
    os.environ["KUBECONFIG"] = str(path)
    config.load_kube_config(str(path))
    install_operator()
    return path


def install_operator(*settings: str) -> None:
    """Install the chart as a user does, with the images that were just built; wait until it is ready.

    `settings` are Helm's own, such as `--set=workers=1`; without them those of an earlier call are gone.
    """
    images = ["--set=image.repository=botsession/operator", "--set=image.tag=dev"]
    runtime = ["--set=runtime.image=botsession/runtime:dev", f"--set-string=podAnnotations.build={uuid.uuid4()}"]
    scraped = '--set-json=metrics.annotations={"prometheus.io/scrape": "true", "prometheus.io/port": "8475"}'
    scraper = '{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "prometheus"}}}'
    scraped_by = f"--set-json=networkPolicy.metricsFrom=[{scraper}]"
    command: list[str | Path] = [HELM, "upgrade", "--install", "botsession", ROOT / "charts/botsession-operator"]
    place = ["--namespace", SYSTEM_NAMESPACE, "--create-namespace", "--wait", "--timeout", "5m"]
    values = [*images, *runtime, scraped, scraped_by, *settings]
    kubectl("create", "namespace", SYSTEM_NAMESPACE)
    kubectl("label", "--overwrite", "namespace", SYSTEM_NAMESPACE, RESTRICTED)
    helm = subprocess.run([*command, *place, *values], capture_output=True, text=True, check=False)
    assert helm.returncode == 0, f"{helm.stderr}\n{kubectl('get', 'pods', '-n', SYSTEM_NAMESPACE).stdout}"
    is_held = not any("watchNamespaces" in each for each in settings)
    wait_until(lambda: admission_knows_sessions(is_held=is_held), within=PATIENCE, what="ready to admit sessions")


def admission_knows_sessions(*, is_held: bool = True) -> bool:
    """Return whether the API server takes new sessions, and holds them where the chart's policy is there.

    Between the moment at which it knows of the policy, and the one at which its policies know of the new kind, which
    they look for every 5 s, it answers each new session with 503 (k8s.io/apiserver, plugin/policy/mutating); and with
    404 until it serves that kind.
    """
    create: Callable[..., Any] = client.CustomObjectsApi().create_namespaced_custom_object
    try:
        made = create(GROUP, VERSION, "default", PLURAL, session(), dry_run="All")
    except client.ApiException as exc:
        if exc.status not in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.NOT_FOUND):
            raise
        return False
    return (SESSION_FINALIZER in made["metadata"].get("finalizers", ())) is is_held


def uninstall_operator() -> "subprocess.Popen[str]":
    """Begin to uninstall the release as a user does."""
    command: list[str | Path] = [HELM, "uninstall", "botsession", "--namespace", SYSTEM_NAMESPACE, "--wait"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def world(kubeconfig: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Return a namespace of its own to a test; show the operator's log when the test fails."""
    world = World(make_namespace("e2e"))
    yield world
    world.close()
    kubectl("delete", "namespace", world.namespace, "--wait=false", "--ignore-not-found")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests of what the operator did come after all that have it do something."""
    items.sort(key=lambda item: item.path.name == "test_rights.py")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the operator's last words to a failure's report."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's result
    if report.when == "call" and report.failed and item.get_closest_marker("cluster"):
        log = kubectl("logs", *OPERATOR_PODS, "--tail=60")
        report.sections.append(("operator log", log.stdout or log.stderr))
