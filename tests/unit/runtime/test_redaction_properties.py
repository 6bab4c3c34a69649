"""Whatever a secret is, and however a message quotes it: no run of eight of its characters is kept."""

import base64
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from botsession_runtime.redact import Redactor, redact
from tests.quotations import QUOTATIONS, keys, passwords, pem, private_keys, runs_kept

OTHERS = st.text("abz AZ:,.'\"\\\n", max_size=12)
HOW = sorted(QUOTATIONS)


@pytest.mark.parametrize("how", HOW)
@settings(max_examples=40, deadline=None)
@given(secret=keys() | passwords(), other=OTHERS, size=st.integers(0, 30))
@example(secret="pk-live-ALPHA0001BRAVO0002CHARLIE0003DELTA0004", other="", size=0)
@example(secret='p@ss"w\\ord\\n12', other="", size=3)
def test_no_run_of_a_secret_is_kept(how: str, secret: str, other: str, size: int) -> None:
    message = QUOTATIONS[how](secret, other, size)
    assert not runs_kept(redact(message, [secret]), secret)


@pytest.mark.parametrize("how", HOW)
@settings(max_examples=10, deadline=None)
@given(lines=private_keys(), size=st.integers(0, 30))
def test_no_run_of_a_private_key_is_kept(how: str, lines: str, size: int) -> None:
    message = QUOTATIONS[how](pem(lines), "", size)
    assert not runs_kept(redact(message, [pem(lines)]), lines)


@pytest.mark.parametrize("how", HOW)
@settings(max_examples=10, deadline=None)
@given(lines=private_keys(), key=keys(), size=st.integers(0, 30))
def test_no_run_of_a_member_of_a_json_credential_is_kept(how: str, lines: str, key: str, size: int) -> None:
    document = json.dumps({"type": "service_account", "private_key": pem(lines), "ids": [{"private_key_id": key}]})
    redactor = Redactor([document])
    quoted = [QUOTATIONS[how](each, "", size) for each in (document, pem(lines), key)]
    for redacted in map(redactor.redact, quoted):
        assert not runs_kept(redacted, lines)
        assert not runs_kept(redacted, key)


@settings(max_examples=40, deadline=None)
@given(key=keys())
def test_a_credential_that_is_itself_in_base64_is_looked_into(key: str) -> None:
    document = json.dumps({"type": "service_account", "private_key_id": key})
    redacted = redact(f"bad {key}", [base64.b64encode(document.encode()).decode()])
    assert not runs_kept(redacted, key)


@settings(max_examples=100, deadline=None)
@given(text=st.text("aAbB01 .,:/'\"\\-_…*\n", max_size=200), secrets=st.lists(keys() | passwords(), max_size=3))
def test_what_is_no_secret_stays(text: str, secrets: list[str]) -> None:
    kept = redact(text, secrets)
    if not any(runs_kept(text, secret) for secret in secrets) and not any(len(each) < 12 for each in secrets):
        assert kept.count("[redacted]") <= text.count("…") + text.count("..") + text.count("**") + text.count("://")


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200), secrets=st.lists(st.text(min_size=1, max_size=50), max_size=4))
def test_any_text_and_any_secrets_are_taken(text: str, secrets: list[str]) -> None:
    assert isinstance(redact(text, secrets), str)
