"""The real API server refuses and takes what admission without one does, in the same words, and guards changes."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from kubernetes import client, config

from botsession_contract.names import GROUP, PLURAL, VERSION
from botsession_operator.api.admission import admit
from tests.admission import ADMITTED, REFUSALS
from tests.manifests import Json, Refusal, session

pytestmark = pytest.mark.cluster

NAMESPACE = "default"
#: No node has this label, so that no session made here starts a container.
NOWHERE = {"nodeSelector": {"botsession.dev/no-node-has-this": "true"}}


@pytest.fixture(scope="module")
def sessions(kubeconfig: Path) -> Iterator[client.CustomObjectsApi]:
    with config.new_client_from_config(str(kubeconfig)) as api:
        yield client.CustomObjectsApi(api)


def dry_run(api: client.CustomObjectsApi, manifest: Json) -> Json:
    answer = api.create_namespaced_custom_object(
        GROUP, VERSION, NAMESPACE, PLURAL, manifest, dry_run="All", field_validation="Strict"
    )
    return cast("Json", answer)


def dry_run_change(api: client.CustomObjectsApi, name: str, spec: Json) -> Json:
    change = {"spec": spec}
    answer = api.patch_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, name, change, dry_run="All")
    return cast("Json", answer)


def refusal_of_change(api: client.CustomObjectsApi, name: str, change: Json) -> str:
    with pytest.raises(client.ApiException) as refused:
        dry_run_change(api, name, change)
    return sentence(refused.value)


def sentence(error: client.ApiException) -> str:
    return str(json.loads(error.body or "{}")["message"])


@pytest.fixture(scope="module")
def existing(sessions: client.CustomObjectsApi) -> Iterator[str]:
    yield from kept(sessions)


@pytest.fixture(scope="module")
def ending(sessions: client.CustomObjectsApi) -> Iterator[str]:
    yield from kept(sessions, end="Graceful")


def kept(api: client.CustomObjectsApi, **spec: Any) -> Iterator[str]:
    name = f"admission-{uuid.uuid4().hex[:8]}"
    changes = {f"spec__{field}": value for field, value in spec.items()}
    manifest = session(metadata__name=name, spec__podTemplate__spec=NOWHERE, **changes)
    api.create_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, manifest)
    yield name
    api.delete_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, name)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.id)
def test_a_bad_manifest_is_refused_with_the_same_sentence(sessions: client.CustomObjectsApi, refusal: Refusal) -> None:
    with pytest.raises(client.ApiException) as refused:
        dry_run(sessions, refusal.manifest)
    assert refusal.sentence in sentence(refused.value)
    assert f"{refusal.path}: " in sentence(refused.value)


@pytest.mark.parametrize("manifest", ADMITTED.values(), ids=ADMITTED.keys())
def test_a_good_manifest_gets_the_same_defaults(sessions: client.CustomObjectsApi, manifest: Json) -> None:
    assert dry_run(sessions, manifest)["spec"] == admit(manifest)["spec"]


@pytest.mark.parametrize("field", ["image", "target", "env", "body"])
def test_the_bot_cannot_change(sessions: client.CustomObjectsApi, existing: str, field: str) -> None:
    changed = {"image": "parrot:2", "target": "parrot.py", "env": [{"name": "A"}], "body": {"a": 1}}
    said = refusal_of_change(sessions, existing, {"bot": {field: changed[field]}})
    assert "spec.bot cannot change once the session exists; create a new BotSession" in said


@pytest.mark.parametrize(
    "template", [None, {"spec": {"nodeSelector": {"a": "b"}}}, {"metadata": {"labels": {"a": "b"}}}]
)
def test_the_pod_template_cannot_change(sessions: client.CustomObjectsApi, existing: str, template: Json) -> None:
    said = refusal_of_change(sessions, existing, {"podTemplate": template})
    assert "spec.podTemplate cannot change once the session exists; create a new BotSession" in said


@pytest.mark.parametrize("end", ["", None])
def test_nothing_un_ends_a_session(sessions: client.CustomObjectsApi, ending: str, end: str | None) -> None:
    said = refusal_of_change(sessions, ending, {"end": end})
    assert "end can only go from empty to Graceful to Immediate; an end cannot be taken back" in said


@pytest.mark.parametrize("end", ["Graceful", "Immediate"])
@pytest.mark.parametrize("limit", ["1s", "24h"])
def test_limits_and_end_may_change(sessions: client.CustomObjectsApi, ending: str, end: str, limit: str) -> None:
    change = {"end": end, "maxSessionDuration": limit, "startTimeout": "5m", "shutdown": {"gracePeriod": "1m"}}
    assert dry_run_change(sessions, ending, change)["spec"]["end"] == end
