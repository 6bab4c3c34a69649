"""Whatever the CRD lets in: a pass either plans for it, or refuses it with a sentence. Nothing else is ever raised."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core.decide import eviction, exposure
from botsession_operator.core.decide.plan import ControllerTimeouts, make_plan
from botsession_operator.core.manifests import service_and_route
from botsession_operator.core.manifests.disruption_budget import build_budget
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from botsession_operator.core.manifests.service_and_route import Exposure
from botsession_operator.core.observe.observed import NoSnapshot, Observed, Session
from botsession_operator.core.observe.parse import parse_session
from botsession_operator.core.status.derive import Applied, derive_status
from tests.builders import NOW, raw_session
from tests.crd_values import specs
from tests.examples import examples

PODS = PodSettings("registry.example/runtime:1", Injection.INIT_CONTAINER, "http://operator:8475")
ANY = settings(max_examples=examples(500), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
#: They take half a minute of a processor that may have other work too.
pytestmark = pytest.mark.timeout(1800, func_only=True)


def parsed(spec: Json) -> Session | None:
    """Return the session, None where it is refused with a sentence."""
    try:
        return parse_session({**raw_session(), "spec": spec})
    except SpecError as exc:
        check(exc)
        return None


def built(session: Session) -> Json | None:
    """Return the pod, None where it is refused with a sentence."""
    try:
        return build_pod(session, "digest", PODS, "http://here")
    except SpecError as exc:
        check(exc)
        return None


def check(why: SpecError) -> None:
    assert len(str(why)) > 10


@ANY
@given(specs())
def test_a_session_that_the_crd_accepts_is_planned_or_refused_with_a_sentence(spec: Json) -> None:
    if session := parsed(spec):
        observed = Observed(session, None, NoSnapshot.NOT_ASKED)
        plan = make_plan(observed, NOW, ControllerTimeouts())
        carried_out = eviction.with_change(exposure.with_change(observed, plan.exposure), plan.budget)
        derive_status(carried_out, plan, Applied(), NOW)
        build_budget(session)
        service_and_route.manifests(session, Exposure())
        service_and_route.url(session, Exposure())


@ANY
@given(specs())
def test_a_pod_is_built_or_refused_with_a_sentence(spec: Json) -> None:
    if session := parsed(spec):
        pod = built(session)
        assert pod is None or owned(pod) == owned(build_pod(_plain(session, spec), "digest", PODS, "http://here"))


def _plain(session: Session, spec: Json) -> Session:
    """Return the same session without its template."""
    return parse_session({**raw_session(), "spec": {name: spec[name] for name in spec.keys() - {"podTemplate"}}})


def owned(pod: Json) -> Any:
    """Return what of a pod is the operator's, in a form that can be compared."""
    (bot,) = (each for each in pod["spec"]["containers"] if each["name"] == "bot")
    fields = ("image", "command", "env", "envFrom", "resources", "terminationMessagePolicy", "livenessProbe")
    mounts = [each for each in bot["volumeMounts"] if "mountPath" in each] if "volumeMounts" in bot else []
    ours = [each for each in mounts if each["mountPath"] == "/opt/botsession"]
    return json.dumps([{name: bot[name] for name in fields}, ours, pod["spec"]["restartPolicy"]], sort_keys=True)
