"""Any answer of the API server is read, and what is too much for us is cut out of it."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_operator.api import bounded_json
from botsession_operator.api.bounded_json import LARGEST_PART_BYTES, LEVELS, MAX_VALUES

SCALARS: Final = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text()
VALUES: Final = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
#: What the API server takes at most: the limit of its own reader.
DEEPEST: Final = 9_990
TROUBLE: Final = {
    "nested 3,000 levels": "[" * 3000 + "]" * 3000,
    "nested as deep as the API server takes": '{"a":' * DEEPEST + "1" + "}" * DEEPEST,
    "as large as the API server takes": json.dumps([{} for _ in range(400_000)]),
    "one text as large as the API server takes": json.dumps('\\"[{' * 250_000),
}


def stored(name: str, body: str) -> str:
    """Write a session as the API server does: managedFields repeat the body."""
    fields = f'[{{"manager": "kubectl", "fieldsV1": {{"f:spec": {{"f:body": {body}}}}}}}]'
    metadata = f'{{"finalizers": ["f"], "managedFields": {fields}, "name": "{name}", "uid": "u"}}'
    return f'{{"kind": "BotSession", "metadata": {metadata}, "spec": {{"bot": {{"body": {body}}}}}}}'


def read(text: str) -> Any:
    return bounded_json.read(text.encode())


@given(VALUES)
def test_what_is_stored_is_read_as_it_is(value: Any) -> None:
    assert read(json.dumps(value)) == value
    assert read(json.dumps(value, ensure_ascii=False)) == value


@given(VALUES, st.integers(1, 6))
def test_levels_are_counted_as_they_are_nested(value: Any, levels: int) -> None:
    assert bounded_json.is_nested_deeper(json.dumps(value).encode(), levels) == (levels_of(value) > levels)


def levels_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(levels_of, inner), default=0)


@pytest.mark.parametrize("body", TROUBLE.values(), ids=TROUBLE.keys())
def test_of_an_object_that_is_too_much_the_metadata_is_read(body: str) -> None:
    found = read(stored("call-1", body))

    assert found["metadata"] == {"finalizers": ["f"], "name": "call-1", "uid": "u"}
    assert found["spec"] is None


@pytest.mark.parametrize("body", TROUBLE.values(), ids=TROUBLE.keys())
def test_one_object_that_is_too_much_costs_the_others_of_its_list_nothing(body: str) -> None:
    listed = f'{{"kind": "BotSessionList", "items": [{stored("a", "[1]")}, {stored("b", body)}, {stored("c", "{}")}]}}'

    found = read(listed)["items"]

    assert [each["metadata"]["name"] for each in found] == ["a", "b", "c"]
    assert [each["spec"] for each in found] == [{"bot": {"body": [1]}}, None, {"bot": {"body": {}}}]


@pytest.mark.parametrize("body", TROUBLE.values(), ids=TROUBLE.keys())
def test_an_event_of_an_object_that_is_too_much_says_what_happened(body: str) -> None:
    found = read(f'{{"type": "DELETED", "object": {stored("call-1", body)}}}')

    assert (found["type"], found["object"]["metadata"]["name"]) == ("DELETED", "call-1")
    assert found["object"]["spec"] is None


def test_the_deepest_body_that_is_read_is_read_whole() -> None:
    levels = LEVELS - len(["the list", "its items", "the session", "its spec", "its bot"])
    body = "[" * levels + "]" * levels

    (found,) = read(f'{{"items": [{stored("a", body)}]}}')["items"]

    assert found["spec"] == {"bot": {"body": json.loads(body)}}


def test_a_large_list_of_small_objects_is_read_whole() -> None:
    item = stored("a", '"' + "x" * 1000 + '"')
    listed = read(f'{{"items": [{", ".join([item] * (LARGEST_PART_BYTES // 1000))}]}}')

    assert all(each["spec"] for each in listed["items"])


NESTED: Final[Any] = json.loads("[" * 30 + "]" * 30)
#: Bytes of a body.
LARGEST_AT_ADMISSION: Final = 120 * 1024


@pytest.mark.parametrize(
    ("body", "is_read"),
    [
        pytest.param(json.dumps("x" * (LARGEST_PART_BYTES - 100)), True, id="a large text"),
        pytest.param(json.dumps("x" * LARGEST_PART_BYTES), False, id="a text that is too large"),
        pytest.param(json.dumps([0] * (MAX_VALUES - 100)), True, id="many values"),
        pytest.param(json.dumps([0] * (MAX_VALUES + 100)), False, id="too many values"),
        pytest.param(json.dumps([NESTED] * (MAX_VALUES // 30)), False, id="too many lists in lists"),
        pytest.param(json.dumps([[]] * (LARGEST_AT_ADMISSION // 3)), True, id="as many lists as admission allows"),
    ],
)
def test_a_part_is_read_up_to_a_size(body: str, is_read: bool) -> None:
    found = read(f'{{"metadata": {{}}, "spec": {{"bot": {{"body": {body}}}}}}}')

    assert (found["spec"] is not None) == is_read


@pytest.mark.parametrize("text", ["", "{", "[" * 3000, "]" * 3000, '{"a":' * 3000, '"', "nonsense", "}{"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read(text)


FIELDS: Final = [{"manager": "kubelet", "fieldsV1": {"f:status": {'k:{"type":"Ready"}': {".": {}, "f:type": {}}}}}]


def compact(**members: Any) -> bytes:
    """Write an object as the API server does."""
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


@given(spec=st.dictionaries(st.text(), VALUES), name=st.text())
def test_an_object_is_read_without_managed_fields(spec: Any, name: str) -> None:
    metadata = {"managedFields": FIELDS, "name": name}

    found = bounded_json.read(compact(metadata=metadata, spec=spec))

    assert found == {"metadata": {"managedFields": [], "name": name}, "spec": spec}


@given(text=st.text(alphabet='}],[{:"\\ a'))
def test_a_text_in_managed_fields_that_looks_like_their_end_changes_nothing_else(text: str) -> None:
    fields: list[Any] = [
        {"fieldsV1": {"f:spec": {f"k:{json.dumps({'name': text})}": {".": {}}, f"v:{json.dumps(text)}": {}}}}
    ]
    metadata = {"managedFields": fields, "name": "call-1"}

    found = bounded_json.read(compact(metadata=metadata, spec={"a": 1}))

    assert found["metadata"]["name"] == "call-1"
    assert found["spec"] == {"a": 1}
    assert found.keys() == {"metadata", "spec"}
    assert found["metadata"].keys() == {"managedFields", "name"}


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"metadata": {"name": "a"}, "spec": {"managedFields": [{"a": 1}]}}, id="in the spec"),
        pytest.param(
            {"metadata": {"name": "a"}, "spec": {"b": {"managedFields": [{}], "spec": 1}}}, id="before a spec"
        ),
        pytest.param({"metadata": {"annotations": {"a": '"managedFields":[{}]'}}, "spec": {}}, id="in a text"),
        pytest.param({"metadata": {"managedFields": []}, "spec": {"a": [{"b": 1}]}}, id="none"),
    ],
)
def test_what_only_looks_like_managed_fields_is_read_as_it_is(members: Any) -> None:
    assert bounded_json.read(compact(**members)) == members
