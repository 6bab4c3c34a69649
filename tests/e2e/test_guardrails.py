"""The guardrails on a real API server: what they refuse, in which words, and what they let through.

They hold in the namespaces that they name, so that the operator need not be installed anew for them.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from kubernetes import client, config

from botsession_contract.names import GROUP, PLURAL, VERSION
from botsession_operator.api.admission import admit
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from botsession_operator.core.observe import parse
from tests.e2e.prometheus import apply
from tests.e2e.release import HELM, KUBECONFIG
from tests.e2e.world import PATIENCE, ROOT, SYSTEM_NAMESPACE, World, kubectl, make_namespace, wait_until
from tests.guardrails import IMAGE, LET_THROUGH, REFUSED, RULES, Guarded, guarded, rules
from tests.manifests import Json, session

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

OPERATOR: Final = f"system:serviceaccount:{SYSTEM_NAMESPACE}:botsession-operator"
#: No node has this label, so that no session made here starts a container.
NOWHERE: Final = {"nodeSelector": {"botsession.dev/no-node-has-this": "true"}}
RUNTIME: Final = "botsession/runtime:dev"


def kind_of(case: Guarded) -> str:
    """Name the rules that a case goes by."""
    return json.dumps(rules(case), sort_keys=True)


class Guarding:
    """A namespace for each set of rules, and the API server that goes by them."""

    def __init__(self, namespaces: dict[str, str]) -> None:
        self._namespaces = namespaces
        self._sessions = client.CustomObjectsApi()
        self._as_operator = client.CoreV1Api(config.new_client_from_config(str(KUBECONFIG)))
        self._as_operator.api_client.set_default_header("Impersonate-User", OPERATOR)

    def namespace(self, case: Guarded) -> str:
        """Return the namespace in which the rules of a case hold."""
        return self._namespaces[kind_of(case)]

    def says_of_session(self, case: Guarded) -> str:
        """Have the API server look at a session as if it were created; give its refusal, empty if there is none."""
        create = self._sessions.create_namespaced_custom_object
        return refusal(create, GROUP, VERSION, self.namespace(case), PLURAL, case.manifest, dry_run="All")

    def says_of_pod(self, case: Guarded, injection: Injection) -> str:
        """The same for the pod that the operator makes of it."""
        pod = self.pod(case, injection)
        return refusal(self._as_operator.create_namespaced_pod, self.namespace(case), pod, dry_run="All")

    def pod(self, case: Guarded, injection: Injection) -> Json:
        """Build the pod of a session that was accepted before there were rules."""
        facts = {"uid": "0", "resourceVersion": "1", "generation": 1, "creationTimestamp": "2026-01-31T12:00:00Z"}
        admitted = admit(case.manifest)
        admitted["metadata"] |= {**facts, "namespace": self.namespace(case)}
        pod = build_pod(parse.parse_session(admitted), "0" * 64, PodSettings(RUNTIME, injection))
        del pod["metadata"]["ownerReferences"]
        return pod


def refusal(create: Any, *arguments: Any, **options: Any) -> str:
    """Return what the API server says against a request, empty where it has nothing against it."""
    try:
        create(*arguments, **options)
    except client.ApiException as exc:
        return str(json.loads(exc.body or "{}")["message"])
    return ""


def policies(rules: list[Json]) -> list[Json]:
    """Render the chart's policies for these rules."""
    chart: list[str | Path] = [HELM, "template", "botsession", ROOT / "charts/botsession-operator"]
    asked = ["--namespace", SYSTEM_NAMESPACE, f"--set=runtime.image={RUNTIME}", "--set=guardrails.enabled=true"]
    command = [*chart, *asked, f"--set-json=guardrails.rules={json.dumps(rules)}"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    return [each for each in yaml.safe_load_all(made.stdout) if each and "guardrails" in each["metadata"]["name"]]


def delete(objects: list[Json]) -> None:
    """Take objects away again."""
    kubectl("delete", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Return what is undone after a test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def guarding(kubeconfig: Path) -> Iterator[Guarding]:
    cases = {kind_of(case): case for case in [*REFUSED, *LET_THROUGH]}
    namespaces = {kind: make_namespace("guarded") for kind in cases}
    sets = [
        {**rules(cases[kind]), "name": f"set-{number}", "namespaces": [name]}
        for number, (kind, name) in enumerate(namespaces.items())
    ]
    apply(policies(sets))
    guarding = Guarding(namespaces)
    firsts = [next(case for case in REFUSED if kind_of(case) == kind) for kind in {*map(kind_of, REFUSED)}]

    def is_guarded() -> bool:
        return all(case.sentence in guarding.says_of_session(case) for case in firsts)

    wait_until(is_guarded, PATIENCE, "guarded by the API server")
    wait_until(lambda: bool(guarding.says_of_pod(REFUSED[0], Injection.IMAGE_VOLUME)), PATIENCE, "guarded for pods")
    yield guarding
    delete(policies(sets))
    kubectl("delete", "namespace", "--wait=false", *namespaces.values())


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_guardrails_refuse_a_session_with_a_sentence(guarding: Guarding, case: Guarded) -> None:
    said = guarding.says_of_session(case)
    assert case.sentence in said
    assert "botsession-operator-guardrails" in said


@pytest.mark.parametrize("injection", Injection)
@pytest.mark.parametrize("case", [case for case in REFUSED if not case.is_of_the_session], ids=lambda case: case.id)
def test_guardrails_refuse_the_pod_of_a_session_that_got_by(
    guarding: Guarding, case: Guarded, injection: Injection
) -> None:
    assert guarding.says_of_pod(case, injection)


@pytest.mark.parametrize("case", LET_THROUGH, ids=lambda case: case.id)
def test_guardrails_let_a_session_through(guarding: Guarding, case: Guarded) -> None:
    assert guarding.says_of_session(case) == ""


@pytest.mark.parametrize("injection", Injection)
@pytest.mark.parametrize("case", LET_THROUGH, ids=lambda case: case.id)
def test_guardrails_let_the_pod_through(guarding: Guarding, case: Guarded, injection: Injection) -> None:
    assert "guardrails" not in guarding.says_of_pod(case, injection)


def test_pods_that_people_make_are_not_judged(guarding: Guarding) -> None:
    case = REFUSED[0]
    pod = guarding.pod(case, Injection.IMAGE_VOLUME)
    create = client.CoreV1Api().create_namespaced_pod
    assert refusal(create, guarding.namespace(case), pod, dry_run="All") == ""


def test_a_session_cannot_be_extended_past_the_largest_duration(guarding: Guarding) -> None:
    case = Guarded("extended", guarded(metadata__name="extended", spec__podTemplate__spec=NOWHERE))
    place = guarding.namespace(case)
    made = kubectl("create", "-n", place, "-f", "-", stdin=json.dumps(case.manifest))
    assert made.returncode == 0, made.stderr
    extended = kubectl("patch", "bs", "extended", "-n", place, "--type=merge", "-p", duration("3h"))
    assert "spec.maxSessionDuration may be at most 2h in this namespace" in extended.stderr
    assert kubectl("patch", "bs", "extended", "-n", place, "--type=merge", "-p", duration("1h")).returncode == 0
    assert kubectl("delete", "bs", "extended", "-n", place, f"--timeout={PATIENCE}s").returncode == 0


def test_a_template_cannot_be_swapped_for_one_that_is_guarded(guarding: Guarding) -> None:
    """The CRD's own rule does not see one unknown field in place of another."""
    case = Guarded("swapped", guarded(metadata__name="swapped", spec__podTemplate__spec=NOWHERE))
    place = guarding.namespace(case)
    made = kubectl("create", "-n", place, "-f", "-", stdin=json.dumps(case.manifest))
    assert made.returncode == 0, made.stderr
    swap = json.dumps([{"op": "replace", "path": "/spec/podTemplate/spec", "value": {"hostNetwork": True}}])
    swapped = kubectl("patch", "bs", "swapped", "-n", place, "--type=json", "-p", swap)
    assert swapped.returncode != 0
    assert "hostNetwork" in swapped.stderr or "cannot change" in swapped.stderr
    assert kubectl("delete", "bs", "swapped", "-n", place, f"--timeout={PATIENCE}s").returncode == 0


def test_a_session_that_is_older_than_the_rules_can_be_ended_and_deleted(world: World, stack: ExitStack) -> None:
    unlimited = {"target": "quiet.py"}
    ended = world.session("ended", bot=unlimited, maxSessionDuration="5h").eventually(phase="Running")
    deleted = world.session("deleted", bot=unlimited, maxSessionDuration="5h").eventually(phase="Running")
    strict = {**RULES, "name": "late", "images": [], "namespaces": [world.namespace]}
    stack.callback(delete, policies([strict]))
    apply(policies([strict]))
    late = json.dumps(session(spec__bot__image=IMAGE, metadata__namespace=world.namespace))
    create = ("create", "--dry-run=server", "-f", "-")
    wait_until(lambda: "is not allowed" in kubectl(*create, stdin=late).stderr, PATIENCE, "guarded")
    world.edit(ended, maxSessionDuration="4h")
    world.edit(ended, end="Graceful")
    world.delete(deleted)
    assert ended.finishes()["outcome"] == "Drained"
    deleted.goes()


def duration(text: str) -> str:
    return json.dumps({"spec": {"maxSessionDuration": text}})
