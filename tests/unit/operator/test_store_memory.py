"""How many bytes the watch store keeps of a session and its pod: budgets, which bound what ten thousand cost."""

import json

from botsession_operator.api.spec import CompactJson, parse_spec
from botsession_operator.api.spec_bounds import bound_problems
from tests.bench.store_memory import largest_body, largest_parts, measure
from tests.builders import raw_spec

#: Of an ordinary session and its pod; ten thousand take 60 MB.
SESSION_BYTES, POD_BYTES = 4500, 2200


def test_an_ordinary_session_and_its_pod_take_little() -> None:
    (_, session, session_json), (_, pod, pod_json) = measure(200, is_largest=False)

    assert session < SESSION_BYTES
    assert pod < POD_BYTES
    assert min(session_json, pod_json) > 40_000, "there is nothing to trim"


def test_the_largest_session_takes_no_more_than_its_json() -> None:
    (_, session, session_json), (_, pod, _) = measure(5, is_largest=True)

    assert session < session_json
    assert pod < POD_BYTES


def test_the_largest_session_is_one_that_is_admitted() -> None:
    spec = raw_spec(**largest_parts())
    spec["bot"]["body"] = largest_body()

    assert list(bound_problems(spec)) == []
    assert len(json.dumps(spec)) > 160 * 1024


def test_any_json_is_kept_as_it_was() -> None:
    value = {"b": [1, 2.5, None, True, "ü\ud800"], "a": {}}

    assert CompactJson.of(value).value == value
    assert list(CompactJson.of(value).value) == ["b", "a"]


def test_equal_specs_are_equal() -> None:
    assert parse_spec(raw_spec(**largest_parts())) == parse_spec(raw_spec(**largest_parts()))
