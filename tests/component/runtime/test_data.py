"""What goes into a session, and what comes out of it: with the real supervisor, and bots in its two ways."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from tests import supervision
from tests.pipecats import every_pipecat, fact
from tests.supervision import BOTS, QUICK, Supervised, supervised

TEXT = "grüezi \n 🌍 ' \" $HOME \\"
#: What Python takes for false is no absent body.
BODIES = [
    pytest.param([0, 2**53 + 1, -0.5, False, "", TEXT, [], None, {"a": {"b": [{"c": None}]}}], id="all in a list"),
    pytest.param(0, id="a number"),
    pytest.param("", id="an empty text"),
    pytest.param(TEXT, id="any text"),
]


def command(folder: Path, bot: str, **launch: Any) -> Supervised:
    """Supervise the same bot by a command line of its own."""
    return Supervised(folder, None, command=(supervision.PYTHON, str(BOTS / bot)), **launch)


Way = Callable[..., Supervised]


@every_pipecat
@fact("`body` reaches the bot as it was written, and what it hands over is in the report")
@pytest.mark.parametrize("way", [supervised, command])
async def test_body_goes_in_and_comes_out(tmp_path: Path, way: Way) -> None:
    body = {"caller": "Zoë 🌍", "menu": [1, 2.5, None, True], "nested": {"deep": [{}]}}
    async with way(tmp_path, "hands_over.py", body=body) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.result) == (Reason.COMPLETED, Outcome.DRAINED, body)


@pytest.mark.parametrize("body", BODIES)
async def test_every_kind_of_json_goes_in_and_comes_out(tmp_path: Path, body: Any) -> None:
    async with supervised(tmp_path, "hands_over.py", body=body) as session:
        assert (await session.report()).result == body


@pytest.mark.parametrize("way", [supervised, command])
async def test_no_body_is_an_empty_object(tmp_path: Path, way: Way) -> None:
    async with way(tmp_path, "hands_over.py") as session:
        assert (await session.report()).result == {}


@pytest.mark.parametrize("way", [supervised, command])
async def test_body_may_be_as_large_as_the_kernel_lets_it(tmp_path: Path, way: Way) -> None:
    body = {"how": "file", "result": "taken", "prompt": "x" * 119 * 1024}
    async with way(tmp_path, "hands_over.py", body=body) as session:
        assert (await session.report()).result == "taken"


@pytest.mark.parametrize("how", ["twice", "file", "child"])
async def test_result_is_handed_over_in_each_way(tmp_path: Path, how: str) -> None:
    async with supervised(tmp_path, "hands_over.py", body={"how": how, "result": {"booked": True}}) as session:
        assert (await session.report()).result == {"booked": True}


async def test_result_outlives_a_bot_that_is_killed(tmp_path: Path) -> None:
    body = {"how": "hangs", "result": ["kept"]}
    async with supervised(tmp_path, "hands_over.py", body=body, shutdown=QUICK) as session:
        await (await session.running()).logged("handed over")
        await session.end()
        report = await session.report()
    assert (report.outcome, report.result) == (Outcome.KILLED, ["kept"])


async def test_result_that_is_no_json_is_told_and_changes_nothing_else(tmp_path: Path) -> None:
    async with supervised(tmp_path, "hands_over.py", body={"how": "badly", "result": 0}) as session:
        report = await session.report()
    assert (report.reason, report.outcome, report.result) == (Reason.COMPLETED, Outcome.DRAINED, None)
    assert report.message == "the result was refused: what was written to BOTSESSION_RESULT_FILE is not JSON"


async def test_result_is_told_without_its_secrets(tmp_path: Path) -> None:
    body = {"how": "file", "result": {"log": "used sk-123456"}, "api_key": "sk-123456"}
    async with supervised(tmp_path, "hands_over.py", body=body) as session:
        assert (await session.report()).result == {"log": "used [redacted]"}
