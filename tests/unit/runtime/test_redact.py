"""What of a report is kept from its readers."""

import json
from datetime import UTC, datetime

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.report import DanglingTasks, ExitReport
from botsession_runtime.redact import MAX_MESSAGE_LENGTH, redact, shorten, without_secrets
from botsession_runtime.secret_values import find_secrets


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "DAILY_TOKEN", "apiKey", "db-password", "TWILIO_AUTH_TOKEN", "secret", "AWS_SECRET_ACCESS"],
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert find_secrets({name: "sk-123456"}, {name: "sk-abcdef"}, ()) == ("sk-123456", "sk-abcdef")


@pytest.mark.parametrize("name", ["PATH", "KEYBOARD", "MONKEY", "TOKENIZER", "topic"])
def test_a_name_that_only_looks_like_one_is_none(name: str) -> None:
    assert find_secrets({name: "something"}, {name: "something"}, ()) == ()


def test_what_comes_out_of_a_secret_is_secret_whatever_it_is_called() -> None:
    assert find_secrets({"SIP_TRUNK": "sip:123456"}, None, ["SIP_TRUNK"]) == ("sip:123456",)


SECRET_REF = {"CRM_ACCOUNT": "acme-4711", "PHRASE": "correcthorse", "PIPELINE_ID": "x1y2z3"}
BY_CUSTOM = {
    "PATH": "/usr/local/bin:/bin",
    "PYTHON_VERSION": "3.12.11",
    "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
}


def test_variables_of_a_whole_secret_are_secret_whatever_they_are_called() -> None:
    environ = {**SECRET_REF, **BY_CUSTOM, "VOICE": "sonic-english"}
    assert set(find_secrets(environ, None, (), ["VOICE"])) == set(SECRET_REF.values())


def test_without_a_whole_secret_an_unknown_variable_is_none() -> None:
    assert find_secrets({**SECRET_REF, **BY_CUSTOM}, None, ()) == ()


def test_a_secret_that_is_a_common_word_but_for_its_signs_is_found_from_end_to_end() -> None:
    assert redact("bad '/TRANSPORT' of the transport", ["/TRANSPORT"]) == "bad '[redacted]' of the transport"


@pytest.mark.parametrize("value", ["true", "8080", "info", "english", "1234567", "production", "Localhost", "a-1", ""])
def test_a_common_word_of_a_whole_secret_does_not_eat_messages(value: str) -> None:
    assert find_secrets({"SETTING": value}, None, (), []) == ()


def test_secrets_deep_in_the_body_are_found_and_the_longest_comes_first() -> None:
    body = {"services": [{"tts": {"api_keys": ["abcdef", "abcdefgh"]}}, {"voice": "abcdefghij"}], "token": 5}

    assert find_secrets({}, body, ()) == ("abcdefgh", "abcdef")


def test_a_value_that_is_found_by_chance_is_none() -> None:
    assert find_secrets({"API_KEY": "test"}, None, ()) == ()


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        pytest.param("no key sk-12345 here", "no key [redacted] here", id="a known value"),
        pytest.param("at redis://me:pw@db/0", "at redis://[redacted]@db/0", id="a user in a URL"),
        pytest.param("GET /v1?a=1&token=xyz&b=2", "GET /v1?a=1&token=[redacted]&b=2", id="a parameter of a URL"),
        pytest.param("Authorization: Bearer abc.def-g", "Authorization: Bearer [redacted]", id="a header"),
        pytest.param("a bearer of news", "a bearer of news", id="a word"),
        pytest.param("ValueError: no credentials", "ValueError: no credentials", id="nothing secret"),
    ],
)
def test_what_is_told_of_a_text(text: str, redacted: str) -> None:
    assert redact(text, ["sk-12345"]) == redacted


def test_a_secret_of_several_lines_is_found_in_a_message_of_one() -> None:
    secrets = find_secrets({"SIGNING_KEY": "-----BEGIN\nabc def\n"}, None, ())

    assert redact("ValueError: -----BEGIN abc def is no key", secrets) == "ValueError: [redacted] is no key"


PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"
ODD = 'p@ss"w\\ord'


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (PEM, f"bad key {PEM!r}"),
        (PEM, f"bad key {json.dumps(PEM)}"),
        (PEM, "bad line MIIEvQIBADANBgkqhkiG9w0BAQEF"),
        (ODD, f"bad {[ODD]}"),
        (ODD, f"bad {json.dumps(ODD)}"),
        ("postgresql://bot:hunter22secret@db/calls", "password authentication failed: hunter22secret"),
    ],
)
def test_a_secret_is_found_as_messages_quote_it(secret: str, message: str) -> None:
    redacted = redact(message, find_secrets({"CRM": secret}, None, ["CRM"]))

    assert not any(part in redacted for part in ("MIIEvQ", "p@ss", "hunter22"))


def test_a_long_message_keeps_its_place() -> None:
    redacted = shorten("ValueError: " + "long " * 500 + "(bot.py:42 in handler), after the pipeline had finished")

    assert redacted.startswith("ValueError: long ")
    assert redacted.endswith("… (bot.py:42 in handler)")
    assert len(redacted) < MAX_MESSAGE_LENGTH + 50


@pytest.mark.parametrize("before", range(MAX_MESSAGE_LENGTH - 12, MAX_MESSAGE_LENGTH + 2))
def test_a_secret_where_a_message_is_cut_is_not_told_by_half(before: int) -> None:
    report = ExitReport(Reason.BOT_ERROR, Outcome.LOST, datetime.now(UTC), None, "x" * before + " sk-12345 and more")

    assert "sk-" not in str(without_secrets(report, ("sk-12345",)).message)


def test_every_text_of_a_report_is_redacted() -> None:
    tasks = DanglingTasks(1, ("call to sk-12345",))
    now = datetime.now(UTC)
    report = ExitReport(Reason.BOT_ERROR, Outcome.LOST, now, None, "bad sk-12345", 1, "at sk-12345", tasks)

    redacted = without_secrets(report, ("sk-12345",))

    assert (redacted.message, redacted.stuck_at, redacted.dangling_tasks.names) == (
        "bad [redacted]",
        "at [redacted]",
        ("call to [redacted]",),
    )


def test_a_result_is_redacted_wherever_it_has_text() -> None:
    result = {"sk-12345": ["sk-12345", {"url": "https://me:pw@host"}], "count": 12345, "ok": None}
    report = ExitReport(Reason.COMPLETED, Outcome.DRAINED, datetime.now(UTC), result=result)

    redacted = without_secrets(report, ("sk-12345",)).result

    assert redacted == {"[redacted]": ["[redacted]", {"url": "https://[redacted]@host"}], "count": 12345, "ok": None}


def test_a_result_that_is_too_long_without_its_secrets_is_not_taken() -> None:
    report = ExitReport(Reason.COMPLETED, Outcome.DRAINED, datetime.now(UTC), None, "said", result=["sk-123"] * 200)

    redacted = without_secrets(report, ("sk-123",))

    assert redacted.result is None
    assert str(redacted.message).startswith("said; the result was refused: without its secrets, ")


def test_a_report_without_texts_stays_as_it_is() -> None:
    report = ExitReport(Reason.COMPLETED, Outcome.DRAINED, datetime.now(UTC))

    assert without_secrets(report, ("sk-12345",)) == report
