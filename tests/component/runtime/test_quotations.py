"""Secrets that real bots quote in real ways: none reaches the report, nor the supervisor's own log."""

import json
from pathlib import Path

import pytest

from botsession_contract.report import ExitReport
from tests.quotations import runs_kept
from tests.supervision import supervised

#: Made up: no keys of anybody.
KEY = "pk-live-ALPHA0001BRAVO0002CHARLIE0003DELTA0004ECHO0005FOXTROT0006"
LINES = "MADEUPAAAA1111BBBB2222CCCC3333\nDDDD4444EEEE5555FFFF6666"
PEM = f"-----BEGIN PRIVATE KEY-----\n{LINES}\n-----END PRIVATE KEY-----\n"
ACCOUNT = json.dumps({"type": "service_account", "private_key": PEM.replace("MADEUP", "GOOGLE")})
SECRETS = {"PROVIDER_ACCESS": KEY, "SIGNING": PEM, "GOOGLE_ACCOUNT": ACCOUNT}
IN_THE_CODE = "sk-proj-0123456789abcdefghij0123456789"
HOW = ["repr", "shortened", "base64", "url", "json", "lines", "in the code"]


def is_clean(text: str) -> bool:
    secrets = (KEY, LINES, LINES.replace("MADEUP", "GOOGLE"), IN_THE_CODE)
    return not any(runs_kept(text, secret) for secret in secrets)


async def quoting(folder: Path, how: str, where: str) -> tuple[ExitReport, str]:
    """Return the report of a bot that quotes its secrets, and the supervisor's lines of the log."""
    session = supervised(folder, "quotes_secrets.py", secret_env=tuple(SECRETS), body={"how": how, "where": where})
    session.env = SECRETS
    async with session:
        report = await session.report()
    lines = (folder / "log").read_text().splitlines()
    return report, "\n".join(line for line in lines if "botsession: " in line)


@pytest.mark.parametrize("how", HOW)
async def test_secret_that_an_exception_quotes_is_kept_back(tmp_path: Path, how: str) -> None:
    report, log = await quoting(tmp_path, how, "raise")
    assert str(report.message).startswith("ValueError: ")
    assert "[redacted]" in str(report.message)
    assert "bot raised ValueError: " in log
    assert is_clean(f"{report}{log}")


@pytest.mark.parametrize("how", ["whole", *HOW])
async def test_secret_in_a_reason_a_name_and_a_result_is_kept_back(tmp_path: Path, how: str) -> None:
    report, log = await quoting(tmp_path, how, "told")
    texts = (report.message, *report.dangling_tasks.names, report.result["said"], *report.result)
    assert sum("[redacted]" in str(text) for text in texts) == 4
    assert is_clean(f"{report}{log}")
