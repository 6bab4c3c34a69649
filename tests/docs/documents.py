"""YAML in the pages: what kind of document it is, and whether Kubernetes, Helm or the operator would take it."""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import yaml
from kubernetes import client

from botsession_contract.names import KIND
from botsession_operator.api.admission import admit, session_schema
from botsession_operator.api.spec import SpecError
from tests.docs.blocks import ROOT
from tests.docs.shell import Wrong
from tests.manifests import Json, session

_VALUES = ROOT / "charts/botsession-operator/values.schema.json"
#: Fields that each part of a spec may be shown without: a fragment is laid over the smallest session that has them.
_NEEDED = {"idle": {"idleTimeout": "10m"}}


def check(text: str) -> None:
    """Refuse YAML that none of its readers would take."""
    try:
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except yaml.YAMLError as exc:
        raise Wrong(f"this is not YAML: {exc}") from exc
    if not documents:
        raise Wrong("there is nothing in it")
    for document in documents:
        _check(document)


def _check(document: Any) -> None:
    if not isinstance(document, dict):
        raise Wrong(f"this is no object: {document}")
    if document.get("kind") == KIND:
        _admitted(document)
    elif "kind" in document:
        _kubernetes(document)
    elif set(document) <= set(session_schema()["properties"]["spec"]["properties"]):
        spec(document)
    else:
        values(document)


def spec(fragment: Json) -> None:
    """Refuse a part of a spec that no session could have."""
    needed: Json = {}
    for name in fragment:
        needed |= _NEEDED.get(name, {})
    smallest = session()
    bot = {**smallest["spec"]["bot"], **(fragment.get("bot") or {})}
    _admitted({**smallest, "spec": {**needed, **fragment, "bot": bot}})


def values(fragment: Json) -> None:
    """Refuse values that the chart would not take."""
    found = list(_values_validator().iter_errors(fragment))
    if found:
        raise Wrong(f"neither a part of a spec nor values of the chart: {found[0].message}")


@functools.cache
def _values_validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(_VALUES.read_text()))


def _admitted(manifest: Json) -> None:
    try:
        admit(manifest)
    except SpecError as exc:
        raise Wrong(str(exc)) from exc


def _kubernetes(document: Json) -> None:
    """Refuse fields that the official client knows nothing of, as `kubectl apply` does; and kinds that it has not."""
    group, _, version = str(document.get("apiVersion", "")).rpartition("/")
    prefix = "".join(word.capitalize() for word in re.split(r"[.-]", group.removesuffix(".k8s.io")) if group)
    names = [f"{version.capitalize()}{document['kind']}", f"{prefix}{version.capitalize()}{document['kind']}"]
    model = next((found for name in names if (found := getattr(client.models, name, None))), None)
    if model is None:
        raise Wrong(f"nobody here can check a {document['kind']} of {document.get('apiVersion')}")
    unknown = list(_unknown_fields(model, document, document["kind"]))
    if unknown:
        raise Wrong(f"unknown field {', '.join(unknown)}")


def _unknown_fields(model: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}, which is no object"
        return
    types = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
    yield from (f"{path}.{name}" for name in value if name not in types)
    for name in set(value) & set(types):
        kind, item = types[name], value[name]
        inner = re.fullmatch(r"(List|Dict)\[(?:str, )?(\w+)\]", kind)
        below = getattr(client.models, inner[2] if inner else kind, None)
        if below is None:
            continue
        members = item.values() if inner and inner[1] == "Dict" else item if inner else [item]
        for member in members:
            yield from _unknown_fields(below, member, f"{path}.{name}")
