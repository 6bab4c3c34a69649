"""The words of the API: each has a sentence, and the tables of the docs are made of those by hack/generate."""

import re
from collections.abc import Iterator

import pytest

import botsession_operator.metrics  # noqa: F401  # imports all enums that a scrape shows
from botsession_contract.documented import DocumentedEnum
from botsession_operator.api.condition_table import CONDITION_REASONS
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.status import ConditionType


def enums(cls: type[DocumentedEnum] = DocumentedEnum) -> Iterator[type[DocumentedEnum]]:
    for each in cls.__subclasses__():
        yield each
        yield from enums(each)


def test_a_word_without_a_sentence_is_an_error() -> None:
    with pytest.raises(TypeError, match="Red has no sentence"):

        class Colour(DocumentedEnum):
            RED = "Red"


def test_every_word_has_one_line_that_ends_as_a_sentence() -> None:
    words = [word for enum in enums() for word in enum]
    assert len(words) > 100
    assert [word for word in words if not re.fullmatch(r"[A-Z`]?\w[^|\n]*\.", word.sentence)] == []


def test_every_condition_is_listed_and_every_reason_belongs_to_one() -> None:
    used = {why for by_status in CONDITION_REASONS.values() for reasons in by_status.values() for why in reasons}
    assert {*ConditionType} - {*CONDITION_REASONS} == set()
    assert {*ConditionReason} - used == set()
