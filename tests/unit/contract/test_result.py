"""What can be a session's result, and what its author is told of everything else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from botsession_contract.result import LARGEST_RESULT_BYTES, MAX_LEVELS, ResultError, to_json


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else "deep"


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(None, id="nothing"),
        pytest.param(False, id="a boolean"),
        pytest.param(2**63 - 1, id="the largest whole number"),
        pytest.param(0.1, id="a fraction"),
        pytest.param("", id="an empty text"),
        pytest.param("grüezi 🌍\x00", id="any text"),
        pytest.param([], id="an empty list"),
        pytest.param({"a": [None, {"b": 1}]}, id="things inside each other"),
        pytest.param(nested(MAX_LEVELS), id="as deep as may be"),
        pytest.param("r" * (LARGEST_RESULT_BYTES - 2), id="as long as may be"),
    ],
)
def test_json_is_a_result(result: Any) -> None:
    assert json.loads(to_json(result)) == result


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        pytest.param("ä" * 1024, "may take 2048 bytes as compact JSON; this takes 2050", id="too long in UTF-8"),
        pytest.param({"at": datetime(2026, 1, 31, tzinfo=UTC)}, "must be JSON: Object of type datetime", id="a time"),
        pytest.param(float("nan"), "must be JSON: Out of range float", id="not a number"),
        pytest.param([float("inf")], "must be JSON: Out of range float", id="infinity"),
        pytest.param("\ud800", "must be JSON: 'utf-8' codec", id="half a character"),
        pytest.param({"a": {1, 2}}, "must be JSON: Object of type set", id="a set"),
        pytest.param([2**63], "a whole number in a session's result may have 64 bits", id="a long number"),
        pytest.param(nested(MAX_LEVELS + 1), "may have 32 levels of lists and objects", id="too deep"),
        pytest.param(nested(900), "may have 32 levels of lists and objects", id="much too deep"),
    ],
)
def test_what_is_none_is_refused_with_a_sentence(result: Any, sentence: str) -> None:
    with pytest.raises(ResultError) as refusal:
        to_json(result)
    assert sentence in str(refusal.value)
    assert str(refusal.value).startswith("a ")
