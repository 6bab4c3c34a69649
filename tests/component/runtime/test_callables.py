"""A bot is whatever can be called and awaited, by the name that the target gives."""

import shutil
from pathlib import Path

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from tests.supervision import BOTS, Supervised, supervised

KINDS = ["converse", "decorated", "instance", "method", "partial", "awaitable", "task", "generator"]


@pytest.mark.parametrize("name", KINDS)
async def test_bot_of_any_kind_runs(tmp_path: Path, name: str) -> None:
    async with supervised(tmp_path, f"callables.py:{name}", body={"reason": f"bye from {name}"}) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.exit_code) == (Reason.COMPLETED, Outcome.DRAINED, 0)
    assert report.message == f"bye from {name}"


async def test_file_of_a_target_with_a_name_is_found_in_the_working_directory(tmp_path: Path) -> None:
    for file in ("callables.py", "quiet.py"):
        shutil.copy(BOTS / file, tmp_path)
    async with Supervised(tmp_path, "callables.py:decorated", body={"reason": "bye"}) as session:
        assert (await session.report()).message == "bye"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("plain", "it returned int, which cannot be awaited"),
        ("streams", "it yields"),
        ("number", "it is of the type int"),
    ],
)
async def test_bot_that_cannot_be_awaited_is_told_what_it_must_be(tmp_path: Path, name: str, sentence: str) -> None:
    async with supervised(tmp_path, f"callables.py:{name}") as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.exit_code) == (Reason.BOT_ERROR, Outcome.NEVER_STARTED, 1)
    asked = f"{name} in {BOTS}/callables.py must be an async function: async def bot(runner_args)"
    assert report.message == f"{asked}; {sentence}"


async def test_bot_that_raises_before_it_can_be_awaited_has_crashed(tmp_path: Path) -> None:
    async with supervised(tmp_path, "callables.py:raises") as session:
        report = await session.report()
    assert report.message is not None
    assert report.message.startswith("ValueError: no prompt (callables.py:")


async def test_name_that_is_not_in_the_file_is_told(tmp_path: Path) -> None:
    async with supervised(tmp_path, "callables.py:nobody") as session:
        assert (await session.report()).message == f"{BOTS}/callables.py has no function nobody"
