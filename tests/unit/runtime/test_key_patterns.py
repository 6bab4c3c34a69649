"""Keys that are known by their form go, wherever they come from; what only looks like one stays."""

import random
import string
import time

import pytest

from botsession_runtime.redact import Redactor, redact

BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("no key for service: sk-000…", "no key for service: [redacted]"),
        ("Incorrect API key provided: sk-proj-*****abcd. You", "Incorrect API key provided: [redacted]. You"),
        ("sk-ant-api03-aB3dE6gH9jK2mN5p refused", "[redacted] refused"),
        ("stripe sk_live_4eC39HqLyjWDarjtT1zdp7dc", "stripe [redacted]"),
        ("key AKIAIOSFODNN7EXAMPLE, ASIAIOSFODNN7EXAMPLE", "key [redacted], [redacted]"),
        ("AIzaSyA-1234567890abcdefghijklmnopqrstu", "[redacted]"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[redacted]"),
        ("github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRs", "[redacted]"),
        ("slack xoxb-123456789012-abcdefABCDEF", "slack [redacted]"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N", "token [redacted]"),
        ("cut off: eyJhbGciOiJIUzI1NiJ9.eyJzdWI", "cut off: [redacted]"),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY----- x", "[redacted] x"),
        (repr(f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n"), "'[redacted]\\n'"),
        (f"cut: -----BEGIN PRIVATE KEY-----\n{BODY}", "cut: [redacted]"),
        (f"cut: -----BEGIN PRIVATE KEY----- {BODY} is no key", "cut: [redacted] is no key"),
        (f"the end of {BODY}=\n-----END PRIVATE KEY-----", "the end of [redacted]"),
        ("wss://me:p@ss!word@host:1/x and https://host/x", "wss://[redacted]@host:1/x and https://host/x"),
        ("GET /v1?key=a1b2&model=x&access_token=c3", "GET /v1?key=[redacted]&model=x&access_token=[redacted]"),
        ("Authorization: Token 0a1b2c3d4e", "Authorization: Token [redacted]"),
        ("Authorization=Basic dXNlcjpwYXNz", "Authorization=Basic [redacted]"),
        ("{'xi-api-key': 'abcdef012345'}", "{'xi-api-key': '[redacted]'}"),
        ('{"client_secret": "abcdef012345"}', '{"client_secret": "[redacted]"}'),
        ("connect(host=db, password=hunter22x)", "connect(host=db, password=[redacted])"),
    ],
)
def test_key_is_known_by_its_form(text: str, redacted: str) -> None:
    assert redact(text, ()) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn is not installed, nor is task-runner-42",
        "-----BEGIN PRIVATE KEY----- was expected",
        "at https://api.example.com/v1?model=x: 404",
        "max_tokens=4096 token=None key='voice' tokens: 12",
        "unexpected token: identifier",
        "KeyError: 'OPENAI_API_KEY'",
        "KeyError: 'customer'",
        "token_type='bearer' secret_name='crm-credentials' password_file=/run/secrets/x",
        "api_key='OPENAI_API_KEY' secret='${OPENAI_KEY}' password='missing'",
        "authorization: required, Cookie: none, Basic authentication required, Bearer token expired",
        "type=missing, input_value={}, input_type=dict",
        "RuntimeError: bot.py:42 in handler, e3b0c44298fc1c149afbf4c8996fb924 at 2026-01-01T00:00:00Z",
        "who@example.com said 'bearer of news'",
        "DailyTransport#0::Input...",
    ],
)
def test_what_only_looks_like_a_key_stays(text: str) -> None:
    assert redact(text, ("pk-live-ALPHA0001BRAVO0002", "support-bot-2", "wss://me:hunter22x@calls.example/x")) == text


@pytest.mark.parametrize(
    ("secret", "text", "redacted"),
    [
        ("support-bot-production", "the bot in production", "the bot in production"),
        ("support-bot-production", "at support-bot-production", "at [redacted]"),
        ("postgresql-4711-abc", "postgresql is away", "postgresql is away"),
        ("user: bot\ntoken_name: crm\nvalue: x9y8z7w6v5", "no token_name: x9y8z7w6v5", "no token_name: [redacted]"),
        ("pk-live-ALPHA0001BRAVO0002", "given pk-l…0002", "given [redacted]"),
        ("pk-live-ALPHA0001BRAVO0002", "given ****0002", "given [redacted]"),
        ("pk-live-ALPHA0001BRAVO0002", "given ... nothing", "given ... nothing"),
        ('{"type": "service_account", "token_uri": "https://oauth2.googleapis.com/token"}',)
        + ("no service_account",) * 2,
        ("postgres://bot:hunter22@db/calls", "hunter22 is wrong for db/calls", "[redacted] is wrong for db/calls"),
        ('{"pin": 12345678, "password": "short1"}', "12345678 and short1", "[redacted] and [redacted]"),
    ],
)
def test_what_is_found_of_a_secret(secret: str, text: str, redacted: str) -> None:
    assert redact(text, [secret]) == redacted


PIECES = ["a", "\\", "' '", "...", "://a", "://a@", "?a-", "sk-", "eyJ", "eyJaaaaaa.", "-----BEGIN A-----", "A+/="]
PIECES += [
    "-----END A-----",
    "aaaaaaaaaaaaaaaaaaa -----END A-----",
    "a=",
    "Bearer ",
    "Authorization: ",
    "*",
    "(",
    "x-a-",
]
PIECES += ["pk-live-ALPHA...", "\u2028", "[redacted]", "api_key='"]


@pytest.mark.parametrize("piece", PIECES)
def test_long_text_takes_time_in_proportion(piece: str) -> None:
    """Of a quadratic pattern the second would take 64 times as long as the first, and minutes."""
    redactor = Redactor(["pk-live-ALPHA0001BRAVO0002CHARLIE0003", "ab" * 20, "support-bot-production"])

    def seconds(length: int) -> float:
        began = time.process_time()
        redactor.redact((piece * length)[:length])
        return time.process_time() - began

    short = max(seconds(10_000), 0.01)
    assert seconds(80_000) < 24 * short


def test_megabyte_of_anything_is_redacted_within_seconds() -> None:
    chance = random.Random(1)  # noqa: S311  # the same each time
    secrets = ["".join(chance.choices(string.ascii_letters + string.digits, k=60)) for _ in range(30)]
    text = "".join(chance.choices(string.printable, k=1_000_000)) + secrets[7]
    began = time.process_time()
    assert Redactor(secrets).redact(text).endswith("[redacted]")
    assert time.process_time() - began < 20
