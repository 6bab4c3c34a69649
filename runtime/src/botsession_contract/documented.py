"""Enums whose members each have a sentence that says what the word means. The tables of the docs are made of them."""

from enum import StrEnum
from typing import Self


class DocumentedEnum(StrEnum):
    """A word of the API with a sentence for people: `NAME = "Word", "What is true where the word stands."`."""

    sentence: str

    def __new__(cls, value: str, sentence: str = "") -> Self:
        """Return a member; raise TypeError for one that has no sentence."""
        if not sentence:
            raise TypeError(f"{cls.__name__}: {value} has no sentence")
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member
