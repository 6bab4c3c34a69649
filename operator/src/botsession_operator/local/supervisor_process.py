"""Start and stop a supervisor as a process of this machine."""

import asyncio
import json
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import IO

from botsession_contract.json_codec import decode, encode
from botsession_contract.launch import LAUNCH_ENV, Launch
from botsession_contract.report import LARGEST_REPORT_BYTES
from botsession_operator.api.spec import Json
from botsession_operator.local import pdeathsig
from botsession_operator.local.environment import environment


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The folders, interpreter and log of local bots."""

    #: The bot's working directory, as WORKDIR is in an image.
    folder: Path
    #: The folder for reports and logs.
    scratch: Path
    #: The interpreter that has Pipecat and the runtime; replaces spec.bot.python.
    python: str = sys.executable
    #: The file for the output of bot and supervisor; None is the terminal.
    log: IO[bytes] | None = None


@dataclass(slots=True)
class Supervisor:
    """A supervisor process."""

    process: asyncio.subprocess.Process
    port: int
    report_path: Path
    _deadline: asyncio.TimerHandle | None = field(default=None)

    async def wait(self) -> int:
        """Wait for the exit; return the exit code, or 128 + n after signal n, as a kubelet reports it."""
        code = await self.process.wait()
        if self._deadline:
            self._deadline.cancel()
        return code if code >= 0 else 128 - code

    def report(self) -> str:
        """Return the termination message, cut as a kubelet does; empty where there is none."""
        if not self.report_path.exists():
            return ""
        with self.report_path.open("rb") as file:
            return file.read(LARGEST_REPORT_BYTES).decode(errors="replace")

    def stop(self, grace: timedelta) -> None:
        """Send SIGTERM, and SIGKILL when the grace has passed, as a kubelet does."""
        if grace <= timedelta(0):
            self.kill()
            return
        with suppress(ProcessLookupError):
            self.process.terminate()
        if self._deadline:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(grace.total_seconds(), self.kill)

    def kill(self) -> None:
        """Send SIGKILL. The bot ends by itself when its supervisor is gone, unless it is stuck."""
        with suppress(ProcessLookupError):
            self.process.kill()


async def start_supervisor(manifest: Json, files: RunFiles) -> Supervisor:
    """Start the supervisor that a pod manifest describes, listening on a free port of the loopback interface."""
    variables = environment(manifest, os.environ)
    report_path = files.scratch / f"{manifest['metadata']['name']}.report.json"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        launch = decode(Launch, json.loads(variables[LAUNCH_ENV]))
        launch = replace(
            launch,
            transport=replace(launch.transport, host="127.0.0.1") if launch.transport else None,
            python=files.python,
            report_path=str(report_path),
            control_fd=listener.fileno(),
        )
        process = await asyncio.create_subprocess_exec(
            # -P: otherwise a bot's own json.py or calendar.py would hide the standard library's.
            *die_with_parent(files.python, "-P", "-m", "botsession_runtime"),
            cwd=files.folder,
            env={**os.environ, **variables, LAUNCH_ENV: json.dumps(encode(launch))},
            pass_fds=(listener.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=files.log,
            stderr=files.log,
            start_new_session=True,
        )
        return Supervisor(process, listener.getsockname()[1], report_path)


def die_with_parent(*command: str) -> tuple[str, ...]:
    """Return a command line whose process gets a SIGTERM when this process ends, so that it outlives no killed run."""
    return (sys.executable, "-I", "-S", pdeathsig.__file__, str(os.getpid()), *command)
