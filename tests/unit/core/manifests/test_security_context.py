"""A session with nothing special passes Pod Security's level `restricted`; a podTemplate overrides what that takes."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from botsession_operator.api.spec import Json
from botsession_operator.core.manifests.pod import Injection, PodSettings, build_pod
from botsession_operator.core.manifests.security_context import as_non_root, copier_context
from tests.builders import raw_spec, session

WORDS: Final = (
    'pods "a" is forbidden: violates PodSecurity "restricted:v1.36": runAsNonRoot != true '
    '(pod or container "bot" must set securityContext.runAsNonRoot=true)'
)


def build(injection: Injection = Injection.IMAGE_VOLUME, template: Json | None = None, **bot: Any) -> Json:
    made = session(bot={**raw_spec()["bot"], **bot}, podTemplate={"spec": template or {}})
    return build_pod(made, "digest", PodSettings("runtime:1", injection))


def violations(pod: Json) -> Iterator[str]:
    """Yield what the level `restricted` finds, in its own words. Ported from k8s.io/pod-security-admission."""
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


def copier(template: Json | None = None, **bot: Any) -> Json:
    """Return the container that copies the runtime."""
    (container,) = build(Injection.INIT_CONTAINER, template, **bot)["spec"]["initContainers"]
    return dict(container)


def test_what_copies_the_runtime_takes_what_the_bot_takes() -> None:
    limits = {"limits": {"cpu": "1"}}
    assert copier(resources=limits)["resources"] == limits


def test_what_copies_the_runtime_needs_no_rights() -> None:
    assert copier()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


OWN_USER: Final = {"runAsUser": 12345, "runAsGroup": 12345}
OWN_PROFILE: Final = {"seccompProfile": {"type": "Localhost", "localhostProfile": "bots.json"}}
ROOT: Final = {"runAsUser": 0, "runAsNonRoot": False}
IMAGES_USER: Final = {"runAsUser": 65532, "runAsGroup": 65532}


@pytest.mark.parametrize(
    ("template", "shared"),
    [
        pytest.param({"securityContext": OWN_USER}, {}, id="the pod's user is every container's"),
        pytest.param({"containers": [{"name": "bot", "securityContext": OWN_USER}]}, OWN_USER, id="the bot's own"),
        pytest.param({"containers": [{"name": "bot", "securityContext": OWN_PROFILE}]}, OWN_PROFILE, id="its profile"),
        pytest.param({"containers": [{"name": "side", "securityContext": OWN_USER}]}, {}, id="a sidecar's is not"),
        pytest.param({"securityContext": ROOT}, IMAGES_USER, id="never the pod's root"),
        pytest.param(
            {"containers": [{"name": "bot", "securityContext": ROOT}]}, IMAGES_USER, id="never the bot's root"
        ),
        pytest.param(
            {"securityContext": ROOT, "containers": [{"name": "bot", "securityContext": OWN_USER}]},
            OWN_USER,
            id="the bot's goes before the pod's",
        ),
        pytest.param({"securityContext": 7, "containers": 7}, {}, id="what cannot be read"),
    ],
)
def test_what_copies_the_runtime_is_what_the_bot_is_but_never_root(template: Json, shared: Json) -> None:
    context = copier_context(template, "bot")
    assert {name: value for name, value in context.items() if name not in copier()["securityContext"]} == shared
    assert context["runAsNonRoot"] is True


def test_what_copies_the_runtime_has_the_pods_profile() -> None:
    pod = build(Injection.INIT_CONTAINER, {"securityContext": OWN_PROFILE})
    assert pod["spec"]["securityContext"] == OWN_PROFILE
    assert "seccompProfile" not in pod["spec"]["initContainers"][0]["securityContext"]


def context(**given: Any) -> Json:
    """Return the bot's security context where the template has this one."""
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
