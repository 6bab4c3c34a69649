"""The cluster, and the operator that Helm installs on it as a user does."""

import os
import subprocess
import uuid
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from kubernetes import client, config

from botsession_contract.names import GROUP, PLURAL, SESSION_FINALIZER, VERSION
from tests.e2e.operator_lock import must_be_alone
from tests.e2e.operators import works_from
from tests.e2e.run_state import RUN
from tests.e2e.world import PATIENCE, RESTRICTED, ROOT, SYSTEM_NAMESPACE, kubectl, wait_until
from tests.manifests import session

HELM: Final = ROOT / ".tools/bin/helm"
KUBECONFIG: Final = ROOT / ".tools/kubeconfig"


def bring_up_cluster() -> None:
    """Bring up the cluster, once in a run; where none can be had, each test that needs one fails and says why."""
    if RUN.trouble is None:
        ready = subprocess.run([ROOT / "hack/ready"], cwd=ROOT, capture_output=True, text=True, check=False)
        RUN.note_trouble(f"hack/ready could not bring up the cluster:\n{ready.stderr}" if ready.returncode else "")
    assert not RUN.trouble, RUN.trouble
    os.environ["KUBECONFIG"] = str(KUBECONFIG)
    config.load_kube_config(str(KUBECONFIG))
    RUN.is_connected = True


def install_operator(*settings: str) -> None:
    """Install the chart as a user does, with the images that were just built; wait until it is ready, and works.

    `settings` are Helm's own, such as `--set=workers=1`; without them those of an earlier call are gone.
    """
    must_be_alone()
    RUN.note_settings(None)
    build = str(uuid.uuid4())
    images = ["--set=image.repository=botsession/operator", "--set=image.tag=dev"]
    runtime = ["--set=runtime.image=botsession/runtime:dev", f"--set-string=podAnnotations.build={build}"]
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
    wait_until(lambda: works_from(build), within=PATIENCE, what="served by the operator that was just installed")
    RUN.note_settings(settings)


def have_operator(*settings: str) -> None:
    """Install the operator with these settings, unless it has them already."""
    if RUN.settings != settings:
        install_operator(*settings)


def is_installed() -> bool:
    """Return whether there is a release."""
    status: list[str | Path] = [HELM, "status", "botsession", "--namespace", SYSTEM_NAMESPACE]
    return subprocess.run(status, capture_output=True, check=False).returncode == 0


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
    must_be_alone()
    RUN.note_settings(None)
    command: list[str | Path] = [HELM, "uninstall", "botsession", "--namespace", SYSTEM_NAMESPACE, "--wait"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
