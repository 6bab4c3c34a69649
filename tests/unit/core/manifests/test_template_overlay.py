"""What a session may lay over its pod, and what belongs to the operator."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.control import CONTROL_PORT
from botsession_operator.api.spec import CompactJson, Json, PodTemplate, SpecError
from botsession_operator.core.manifests import template_overlay as rule
from botsession_operator.core.manifests.template_overlay import BOT_FIELDS, POD_FIELDS, check_template, overlay

SCALARS: Final = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
NAMES: Final = st.sampled_from(["name", "a", "b"]) | st.text(max_size=2)
ANYTHING: Final = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=15)


def template(**spec: Any) -> PodTemplate:
    return PodTemplate({}, {}, CompactJson.of(spec))


def bot(**fields: Any) -> PodTemplate:
    return template(containers=[{"name": "bot", **fields}])


def refusal(given: PodTemplate) -> str:
    """Return with which words a template is refused; none where it is taken."""
    try:
        check_template(given)
    except SpecError as exc:
        return str(exc)
    return ""


def sidecar(**fields: Any) -> PodTemplate:
    return template(containers=[{"name": "side", "image": "side:1", **fields}])


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        pytest.param(1, 2, 2, id="what is laid over wins"),
        pytest.param({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, id="objects merge"),
        pytest.param({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}, id="at any depth"),
        pytest.param([1], [2], [1, 2], id="lists append"),
        pytest.param([{"name": "a"}], [{"name": "b"}], [{"name": "a"}, {"name": "b"}], id="other names append"),
        pytest.param([{"name": "a", "x": 1}], [{"name": "a", "x": 2}], [{"name": "a", "x": 2}], id="same names merge"),
        pytest.param([{"key": "a"}], [{"key": "a"}], [{"key": "a"}, {"key": "a"}], id="what has no name appends"),
        pytest.param({"a": [1]}, {"a": {}}, {"a": {}}, id="other kinds are replaced"),
    ],
)
def test_overlay(base: object, over: object, merged: object) -> None:
    assert overlay(base, over) == merged


def test_null_stands_for_what_is_left_out() -> None:
    assert overlay({"a": [1], "b": {"c": 2}}, {"a": None, "b": {"c": None}}) == {"a": [1], "b": {"c": 2}}


@given(ANYTHING, ANYTHING)
def test_anything_can_be_laid_over_anything(base: Any, over: Any) -> None:
    overlay(base, over)


@given(st.dictionaries(st.sampled_from(["containers", "initContainers", "volumes", *POD_FIELDS]), ANYTHING))
def test_any_template_is_taken_or_refused_with_a_sentence(spec: Json) -> None:
    said = refusal(template(**spec))

    assert said == "" or said.startswith("spec.podTemplate.spec.")


@pytest.mark.parametrize("field", POD_FIELDS)
def test_a_field_of_the_pod_that_the_operator_owns_is_refused(field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_template(template(**{field: 1}))
    assert str(refused.value) == f"spec.podTemplate.spec.{field}: {POD_FIELDS[field]}"


@pytest.mark.parametrize("field", BOT_FIELDS)
def test_a_field_of_the_bots_container_that_the_operator_owns_is_refused(field: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_template(bot(**{field: {}}))
    assert str(refused.value) == f"spec.podTemplate.spec.containers[0].{field}: {BOT_FIELDS[field]}"


@pytest.mark.parametrize("field", BOT_FIELDS)
def test_a_sidecar_may_have_what_the_operator_owns_of_the_bot(field: str) -> None:
    check_template(sidecar(**{field: {}}))


RUNTIME: Final = {"name": "botsession-runtime", "mountPath": "/here"}
REFUSED: Final = {
    "the runtime's mount under another path": (bot(volumeMounts=[RUNTIME]), rule.MOUNT_NAME),
    "the runtime's mount in a sidecar": (sidecar(volumeMounts=[RUNTIME]), rule.MOUNT_NAME),
    "the runtime's mount before the bot starts": (
        template(initContainers=[{"name": "early", "volumeMounts": [RUNTIME]}]),
        rule.MOUNT_NAME,
    ),
    "the runtime as a device": (bot(volumeDevices=[{"name": "botsession-runtime"}]), rule.MOUNT_NAME),
    "the control port's name": (bot(ports=[{"name": "control", "containerPort": 80}]), rule.PORT_NAME),
    "the control port's number": (bot(ports=[{"name": "a", "containerPort": CONTROL_PORT}]), rule.PORT_NUMBER),
    "the control port's number in a sidecar": (sidecar(ports=[{"containerPort": CONTROL_PORT}]), rule.PORT_NUMBER),
    "a volume of the operator's name": (template(volumes=[{"name": "botsession-runtime"}]), rule._NAME),
    "a container of the operator's name": (template(containers=[{"name": "botsession-x"}]), rule._NAME),
    "an init container of the operator's name": (
        template(initContainers=[{"name": "botsession-runtime"}]),
        rule._INIT_NAME,
    ),
    "an init container called bot": (template(initContainers=[{"name": "bot"}]), rule._INIT_NAME),
    "the operator's labels": (
        PodTemplate({"botsession.dev/session": "x"}, {}, CompactJson("{}")),
        f"labels {rule._PREFIX}",
    ),
    "the operator's annotations": (
        PodTemplate({}, {"botsession.dev/control-port": "80"}, CompactJson("{}")),
        f"annotations {rule._PREFIX}",
    ),
}


@pytest.mark.parametrize(("given", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_template_cannot_take_what_is_the_operators(given: PodTemplate, sentence: str) -> None:
    with pytest.raises(SpecError) as refused:
        check_template(given)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "path",
    [
        "/opt/botsession",
        "/opt/botsession/",
        "/opt/botsession/botsession_runtime",
        "//opt//botsession",
        "/opt/./botsession/../botsession",
        "opt/botsession",
        "/dev/termination-log",
    ],
)
def test_no_mount_hides_the_supervisor_or_its_report(path: str) -> None:
    for mounted in (bot(volumeMounts=[{"name": "a", "mountPath": path}]), bot(volumeDevices=[{"devicePath": path}])):
        with pytest.raises(SpecError, match="because the supervisor needs them"):
            check_template(mounted)


@pytest.mark.parametrize("path", ["/opt/botsession-data", "/opt", "/dev/shm", "/data"])
def test_other_mounts_are_the_users_own(path: str) -> None:
    check_template(bot(volumeMounts=[{"name": "a", "mountPath": path}]))
    check_template(sidecar(volumeMounts=[{"name": "a", "mountPath": "/opt/botsession"}]))
