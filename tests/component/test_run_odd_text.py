"""What a bot says never reaches a terminal raw: not in the status, the summary or the supervisor's own log."""

from pathlib import Path

import pytest

from botsession_contract.report import from_bytes
from botsession_contract.text import has_controls
from tests.component.conftest import Manifest, Start
from tests.supervision import BOTS


@pytest.mark.parametrize("how", ["raise", "reason", "task", "result"])
async def test_orders_to_a_terminal_are_written_out(start: Start, manifest: Manifest, tmp_path: Path, how: str) -> None:
    run = await start(manifest(str(BOTS / "odd_text.py"), body={"how": how}))
    await run.exit_code()
    (report,) = (tmp_path / "output").glob("*.report.json")
    left = from_bytes(report.read_bytes())
    texts = (left.message, left.frame, left.stuck_at, *left.dangling_tasks.names)
    assert not any(has_controls(text) for text in texts if text)
    log = (tmp_path / "output" / "bot.log").read_text(errors="replace")
    own = [line for line in log.split("\n") if "botsession: " in line]
    assert not has_controls("".join(own).replace("\t", " "))
    assert not has_controls(run.output.replace("\n", " ").replace("\r", " "))
