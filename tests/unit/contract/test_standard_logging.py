"""What libraries say reaches the log of the program that uses them, and ends nothing."""

import logging
import warnings

import pytest

from botsession_contract.standard_logging import InterceptHandler, intercept


def test_records_are_handed_on_from_the_level_that_is_wanted() -> None:
    said: list[tuple[str, str]] = []
    intercept(lambda record, text: said.append((record.name, text)), logging.ERROR)
    logging.getLogger("kopf").warning("low")
    logging.getLogger("kopf").error("high %s", "up")
    assert said == [("kopf", "high up")]


def test_warnings_are_handed_on() -> None:
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        intercept(lambda _, text: said.append(text))
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
    assert ["soon gone" in text for text in said] == [True]


def test_a_log_that_fails_ends_nothing_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_record: logging.LogRecord, _text: str) -> None:
        raise ZeroDivisionError

    intercept(fail)
    logging.getLogger("kopf").warning("lost")
    assert capsys.readouterr() == ("", "")


def test_a_record_whose_arguments_do_not_fit_is_handed_on_as_it_stands() -> None:
    said: list[str] = []
    handler = InterceptHandler(lambda _, text: said.append(text))
    handler.handle(logging.LogRecord("kopf", logging.WARNING, "", 0, "%d of %d", ("one",), None))
    assert said == ["%d of %d"]
