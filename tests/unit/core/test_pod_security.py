"""A session with nothing special passes Pod Security's level `restricted`; a podTemplate overrides what that takes."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from botsession_operator.api.spec import Json
from botsession_operator.core.pod_security import as_non_root
from botsession_operator.core.pods import Injection, PodSettings, build_pod
from tests.builders import raw_spec, session

WORDS: Final = (
    'pods "a" is forbidden: violates PodSecurity "restricted:v1.36": runAsNonRoot != true '
    '(pod or container "bot" must set securityContext.runAsNonRoot=true)'
)


def build(injection: Injection = Injection.IMAGE_VOLUME, template: Json | None = None, **bot: Any) -> Json:
    made = session(bot={**raw_spec()["bot"], **bot}, podTemplate={"spec": template or {}})
    return build_pod(made, "digest", PodSettings("runtime:1", injection))


def violations(pod: Json) -> Iterator[str]:
    """Give what the level `restricted` finds, in its own words. Ported from k8s.io/pod-security-admission."""
    spec = pod["spec"]
    whole = spec.get("securityContext", {})
    for container in [*spec["containers"], *spec.get("initContainers", ())]:
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False:
            yield "allowPrivilegeEscalation != false"
        if "ALL" not in own.get("capabilities", {}).get("drop", ()):
            yield "unrestricted capabilities"
        if {**whole, **own}.get("runAsNonRoot") is not True:
            yield "runAsNonRoot != true"
        if {**whole, **own}.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield "seccompProfile"


@pytest.mark.parametrize("injection", Injection)
def test_only_an_image_of_root_stands_between_a_session_and_a_restricted_namespace(injection: Injection) -> None:
    pod = build(injection)

    assert set(violations(pod)) == {"runAsNonRoot != true"}
    stricter = as_non_root(pod, WORDS)
    assert stricter
    assert list(violations(stricter)) == []


def test_what_copies_the_runtime_is_never_root_and_takes_what_the_bot_takes() -> None:
    limits = {"limits": {"cpu": "1"}}
    (copier,) = build(Injection.INIT_CONTAINER, resources=limits)["spec"]["initContainers"]

    assert (copier["securityContext"]["runAsNonRoot"], copier["securityContext"]["runAsUser"]) == (True, 65532)
    assert copier["resources"] == limits


def context(**given: Any) -> Json:
    """Give the bot's security context where the template has this one."""
    pod = build(template={"containers": [{"name": "bot", "securityContext": given}]})
    (bot,) = pod["spec"]["containers"]
    return dict(bot["securityContext"])


def test_a_template_overrides_each_default() -> None:
    added = {"add": ["NET_BIND_SERVICE"]}
    assert context(capabilities=added) == {"allowPrivilegeEscalation": False, "capabilities": added}
    assert context(runAsUser=1)["capabilities"] == {"drop": ["ALL"]}
    own = {"seccompProfile": {"type": "Localhost"}, "runAsNonRoot": False}
    assert build(template={"securityContext": own})["spec"]["securityContext"] == own


@pytest.mark.parametrize("given", [{"privileged": True}, {"capabilities": {"add": ["SYS_ADMIN"]}}])
def test_a_privileged_container_is_given_no_default_that_contradicts(given: Json) -> None:
    assert context(**given) == given


def test_a_sidecars_context_is_its_own() -> None:
    side = {"name": "side", "image": "side:1"}
    assert side in build(template={"containers": [side]})["spec"]["containers"]


def test_a_windows_pod_has_no_such_fields() -> None:
    pod = build(template={"os": {"name": "windows"}})
    assert "securityContext" not in pod["spec"]


@pytest.mark.parametrize("refusal", ["exceeded quota", WORDS.replace("runAsNonRoot", "seccompProfile")])
def test_a_pod_that_is_refused_for_something_else_is_left_as_it_is(refusal: str) -> None:
    assert as_non_root(build(), refusal) is None


def test_a_template_that_wants_root_is_left_as_it_is() -> None:
    assert as_non_root(build(template={"securityContext": {"runAsNonRoot": False}}), WORDS) is None
