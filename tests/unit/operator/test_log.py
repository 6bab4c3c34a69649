"""What the operator's log lets through, and in which shape, whoever says it."""

import asyncio
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from loguru import logger as log

from botsession_contract.text import has_controls
from botsession_operator.log import LogFormat, configure_log, silence_log
from tests.log_lines import Line, restored

ORDERS: Final = "\x1b[2J\x1b]52;c;aGk=\x07 \x9b2J \u202e \r\b"
#: What a template would fill in, and what would colour a line.
BRACES: Final = "{0} {} {message} {record[extra]} </red><red>loud</red> %s %(name)s"
SAID: Final = "what a caller says"
Lines = Callable[[], list[Line]]


@pytest.fixture(autouse=True)
def _restored(logs: list[Line]) -> Iterator[None]:
    """After what keeps the lines of other tests: here they are written."""
    with restored():
        yield


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Write JSON, and return what has been written so far; nothing may be written beside it."""
    configure_log(LogFormat.JSON, "info")

    def read() -> list[Line]:
        out, err = capsys.readouterr()
        assert err == ""
        return [json.loads(line) for line in out.splitlines()]

    return read


def fail(said: str) -> None:
    raise ValueError("bug in a bot" if said else "")


def test_a_line_is_one_json_object_with_event_level_timestamp_and_fields(lines: Lines) -> None:
    with log.contextualize(session="bots/a"):
        log.info("pod created", pod="a-1")
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "pod created", "level": "info", "session": "bots/a", "pod": "a-1"}


@pytest.mark.parametrize("name", ["kopf", "kopf.objects", "aiohttp.server", "aiohttp.access", "asyncio", "kubernetes"])
def test_a_library_says_the_same_way_what_it_warns_of(lines: Lines, name: str) -> None:
    logging.getLogger(name).info("a step of its own")
    logging.getLogger(name).warning("bad %s", "request")
    (line,) = lines()
    assert (line["logger"], line["level"], line["event"]) == (name, "warning", "bad request")


def test_a_librarys_traceback_is_in_its_line(lines: Lines) -> None:
    try:
        fail(SAID)
    except ValueError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    (line,) = lines()
    assert line["exception"].startswith("Traceback")
    assert "ValueError: bug in a bot" in line["exception"]


def test_a_line_of_kopf_names_the_session_that_it_is_about(lines: Lines) -> None:
    about = {"kind": "BotSession", "namespace": "bots", "name": "a", "uid": "1"}
    logging.getLogger("kopf.objects").error("Handler failed", extra={"k8s_ref": about})
    assert lines()[0]["session"] == "bots/a"


def test_a_level_without_a_name_is_kept(lines: Lines) -> None:
    logging.getLogger("kopf").log(35, "between")
    assert [line["level"] for line in lines()] == ["level 35"]


def test_warnings_are_lines(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
    (line,) = lines()
    assert line["logger"] == "py.warnings"
    assert "soon gone" in line["event"]


def test_an_exception_that_nobody_caught_is_a_line(lines: Lines) -> None:
    thread = threading.Thread(target=fail, args=(SAID,))
    thread.start()
    thread.join()
    try:
        fail(SAID)
    except ValueError as exc:
        sys.excepthook(ValueError, exc, exc.__traceback__)
    assert [(line["level"], "bug in a bot" in line["exception"]) for line in lines()] == [("critical", True)] * 2


def test_an_exception_of_a_destructor_is_a_line(lines: Lines) -> None:
    class Odd:
        def __del__(self) -> None:
            fail(SAID)

    Odd()
    assert "bug in a bot" in lines()[0]["exception"]


async def test_a_task_that_nobody_waited_for_is_a_line(lines: Lines) -> None:
    asyncio.get_running_loop().call_exception_handler({"message": "Task was destroyed but it is pending!"})
    assert [line["logger"] for line in lines()] == ["asyncio"]


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_traceback_shows_no_variables(capsys: pytest.CaptureFixture[str], log_format: LogFormat) -> None:
    configure_log(log_format, "debug")
    try:
        fail(SAID)
    except ValueError:
        log.exception("pass failed")
        logging.getLogger("kopf").exception("handler failed")
    said = capsys.readouterr().out
    assert said.count("Traceback") == 2
    assert SAID not in said


@pytest.mark.parametrize("log_format", LogFormat)
def test_braces_and_colour_tags_are_only_text(capsys: pytest.CaptureFixture[str], log_format: LogFormat) -> None:
    configure_log(log_format, "info")
    log.warning("API server refused", message=BRACES)
    log.warning(BRACES)
    logging.getLogger("kopf").error(BRACES, extra={"k8s_ref": {"kind": "Pod", "namespace": "{0}", "name": "<red>"}})
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.count(BRACES) == 3


def test_no_text_from_outside_gives_orders_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogFormat.CONSOLE, "info")
    try:
        raise ValueError(ORDERS)
    except ValueError:
        log.exception("pass failed", answer=ORDERS, count=3)
    logging.getLogger("aiohttp.server").error("bad request %s", ORDERS)
    said = capsys.readouterr().out
    assert "count=3" in said
    assert "Traceback" in said
    assert not has_controls(said.replace("\n", ""))


def test_nobody_can_make_a_line_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogFormat.CONSOLE, "info")
    log.info("API server refused", message="no\n2026-01-01 [critical] all is lost")
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_json_has_no_controls_either(lines: Lines) -> None:
    log.info("API server refused", message=ORDERS)
    assert not has_controls(lines()[0]["message"])


class Broken:
    def __str__(self) -> str:
        raise RuntimeError(SAID)


@pytest.mark.parametrize("field", [Broken(), float("nan")], ids=["no text", "no JSON"])
def test_a_field_that_cannot_be_written_costs_its_line_and_no_more(lines: Lines, field: object) -> None:
    log.info("pod created", pod=field)
    log.info("pod deleted")
    assert [line["event"] for line in lines()] == ["line could not be written", "pod deleted"]


@pytest.mark.parametrize(("level", "seen"), [("error", 1), ("warning", 2), ("info", 3), ("debug", 4)])
def test_the_level_is_what_the_settings_say(capsys: pytest.CaptureFixture[str], level: str, seen: int) -> None:
    configure_log(LogFormat.JSON, level)
    for each in ("DEBUG", "INFO", "WARNING", "ERROR"):
        log.log(each, "said")
    logging.getLogger("kopf").info("a step of its own, at any level")
    assert len(capsys.readouterr().out.splitlines()) == seen


def test_the_command_line_writes_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    silence_log()
    log.critical("the workers have died")
    assert capsys.readouterr() == ("", "")
