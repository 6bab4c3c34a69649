"""The control endpoint of a running supervisor does what its OpenAPI document says, whatever it is sent."""

import asyncio
import os
import sys
from pathlib import Path

from botsession_contract.shutdown import Shutdown
from tests.supervision import ROOT, TOKEN, Supervised, supervised

PATIENT = Shutdown(grace_period_seconds=3600, cancel_period_seconds=3600)
EXAMPLES = 50


async def schemathesis(session: Supervised, folder: Path) -> tuple[int | None, str]:
    """Run all its checks, the same requests each time; return the exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", str(ROOT / "docs/reference/openapi.yaml")),
        *("--url", f"http://127.0.0.1:{session.port}", "--header", f"Authorization: Bearer {TOKEN}"),
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-color"),
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_supervisor_answers_as_documented_whatever_it_is_sent(tmp_path: Path) -> None:
    body = {"swallow": ["EndFrame", "CancelFrame"]}  # so that it is there until the last request
    async with supervised(tmp_path, "swallows_end.py", body=body, shutdown=PATIENT) as session:
        await session.running()
        code, said = await schemathesis(session, tmp_path)
        assert code == 0, said
        assert (await session.snapshot()).report is None
