"""Sessions as the CRD's schema accepts them, for hypothesis: any JSON where the schema preserves what it does not know.

The schema alone: the rules in CEL, and the bounds of the chart's admission policy, are not asked. So there is more here
than the API server stores, and nothing less.
"""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from botsession_operator.api.admission import session_schema
from tests.manifests import Json

#: Names that pod specs have, so that what is preserved looks like one, of wrong types.
NAMES: Final = (
    *(
        "name",
        "image",
        "containers",
        "initContainers",
        "volumes",
        "volumeMounts",
        "mountPath",
        "subPath",
        "env",
        "value",
    ),
    *("valueFrom", "secretKeyRef", "key", "ports", "containerPort", "resources", "limits", "cpu", "securityContext"),
    *("capabilities", "drop", "affinity", "tolerations", "emptyDir", "restartPolicy", "metadata", "labels"),
)
TEXTS: Final = (
    "",
    "bot",
    "control",
    "botsession-runtime",
    "Always",
    "1Gi",
    "/opt/botsession",
    "$(A)",
    "bots.support:bot",
)
SCALARS: Final = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
TEXT: Final = st.sampled_from(TEXTS) | st.text(max_size=5)
JSON: Final[SearchStrategy[Any]] = st.recursive(
    SCALARS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | TEXT, inner, max_size=3),
    max_leaves=8,
)
#: Most are durations, or no session would get far.
DURATIONS: Final = st.sampled_from([*(["0s", "1s", "30s", "5m", "1h29m59.5s", "24h"] * 8), "999999h", "soon", "9" * 60])


def specs() -> SearchStrategy[Json]:
    """Return values of `spec`."""
    return values(session_schema()["properties"]["spec"])


def values(schema: Json) -> SearchStrategy[Any]:
    """Return values that a structural schema accepts, defaults filled in as the API server does."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(0, 10**6) | TEXT
    match schema.get("type"):
        case "object":
            return _objects(schema)
        case "array":
            return _lists(schema)
        case "string":
            return _texts(schema)
        case "integer":
            return st.integers(-(2**31), 2**31 - 1) | st.sampled_from([80, 7860, 8474])
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case _:
            return JSON


def _texts(schema: Json) -> SearchStrategy[str]:
    if any("duration(self)" in rule["rule"] for rule in schema.get("x-kubernetes-validations", ())):
        return DURATIONS
    shortest = schema.get("minLength", 0)
    known = [schema["default"]] if "default" in schema else []
    texts = TEXT | st.sampled_from([*known, "x" * 60])
    return texts.filter(lambda text: shortest <= len(text) <= schema.get("maxLength", 10**6))


def _lists(schema: Json) -> SearchStrategy[list[Any]]:
    keys = schema.get("x-kubernetes-list-map-keys")
    # Items of a keyed list differ in their key.
    unique = (lambda item: tuple(item.get(key) for key in keys)) if keys else None
    longest = min(schema.get("maxItems", 3), 3)
    return st.lists(values(schema["items"]), min_size=schema.get("minItems", 0), max_size=longest, unique_by=unique)


def _objects(schema: Json) -> SearchStrategy[Json]:
    if "additionalProperties" in schema:
        return st.dictionaries(TEXT, values(schema["additionalProperties"]), max_size=3)
    members = schema.get("properties", {})
    always = {name for name, member in members.items() if name in schema.get("required", ()) or "default" in member}
    known = st.fixed_dictionaries(
        {name: values(members[name]) for name in always},
        optional={name: values(members[name]) for name in members.keys() - always},
    )
    if not schema.get("x-kubernetes-preserve-unknown-fields"):
        return known
    unknown = st.dictionaries(st.sampled_from(NAMES).filter(lambda name: name not in members) | st.just("x"), JSON)
    return st.builds(lambda theirs, ours: {**theirs, **ours}, unknown, known)
