"""Runs `botsession run` as a person does, and finds what it leaves behind."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import wait_for_exit
from tests.supervision import PATIENCE, WITHOUT_AUTHORITIES

BOTSESSION = Path(sys.executable).with_name("botsession")
Manifest = Callable[..., Path]


class Run:
    """A `botsession run`, and all processes that it has brought forth: they inherit its mark."""

    def __init__(self, process: asyncio.subprocess.Process, mark: str) -> None:
        self.process = process
        self.mark = mark
        self.output = ""

    async def until(self, text: str) -> None:
        """Read the output until it says this."""
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            while text not in self.output and (line := await self.process.stdout.readline()):
                self.output += line.decode()
        assert text in self.output, self.output

    async def exit_code(self) -> int:
        """Wait for the command's end."""
        async with asyncio.timeout(PATIENCE):
            rest, _ = await self.process.communicate()
        self.output += rest.decode()
        assert self.process.returncode is not None
        return self.process.returncode

    def interrupt(self) -> None:
        """Press Ctrl-C: the terminal sends SIGINT to the whole group of processes."""
        os.killpg(self.process.pid, signal.SIGINT)

    def running(self) -> list[int]:
        """Find the processes that bear the mark."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self._bears(entry)]

    def wait_until_none_runs(self) -> None:
        """Wait for the end of each of them."""
        while pids := self.running():
            for pid in pids:
                assert wait_for_exit(pid), f"{pid} still runs"

    def _bears(self, entry: Path) -> bool:
        try:
            return self.mark.encode() in (entry / "environ").read_bytes()
        except OSError:
            return False


Start = Callable[..., Any]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    runs: list[Run] = []

    async def start_run(manifest: Path, *options: str) -> Run:
        mark = f"BOTSESSION_TEST_MARK={uuid.uuid4().hex}"
        process = await asyncio.create_subprocess_exec(
            *(str(BOTSESSION), "run", str(manifest), "--output", str(tmp_path / "output"), *options),
            env=os.environ | WITHOUT_AUTHORITIES | dict([mark.split("=")]),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        runs.append(Run(process, mark))
        return runs[-1]

    yield start_run
    left = [pid for run in runs for pid in run.running()]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == [], "the test left processes behind"


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    def write(target: str | None, **spec: Any) -> Path:
        own = {"body": spec.pop("body")} if "body" in spec else spec.pop("bot", {})
        session = {
            "apiVersion": "botsession.dev/v1alpha1",
            "kind": "BotSession",
            "metadata": {"name": "hello"},
            "spec": {"bot": {"image": "unused", **({"target": target} if target else {}), **own}, **spec},
        }
        file = tmp_path / "session.yaml"
        file.write_text(yaml.safe_dump(session))
        return file

    return write
