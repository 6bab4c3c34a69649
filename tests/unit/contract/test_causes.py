"""No word for an ending without a test, on a real API server, in which a real cause produces it."""

import ast
from pathlib import Path

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from tests.e2e.causes import CAUSES, ELSEWHERE

E2E = Path(__file__).parents[2] / "e2e"


def test_each_reason_and_outcome_is_produced_by_a_real_cause() -> None:
    produced = {*ELSEWHERE, *(cause.reason for cause in CAUSES), *(cause.outcome for cause in CAUSES)}
    assert {*Reason, *Outcome} == produced


@pytest.mark.parametrize(("word", "place"), ELSEWHERE.items(), ids=ELSEWHERE)
def test_the_test_that_is_said_to_produce_a_word_asserts_it(word: Reason | Outcome, place: tuple[str, str]) -> None:
    file, name = place
    functions = {
        each.name: each for each in ast.parse((E2E / file).read_text()).body if isinstance(each, ast.FunctionDef)
    }
    asserted = {
        constant.value
        for claim in ast.walk(functions[name])
        if isinstance(claim, ast.Assert)
        for constant in ast.walk(claim)
        if isinstance(constant, ast.Constant)
    }
    assert word in asserted
