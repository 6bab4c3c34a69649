"""Splits no sentence."""


def sent_tokenize(text):
    """Raise: no bot of the tests has a model's text."""
    raise NotImplementedError("tests/stand_ins")
