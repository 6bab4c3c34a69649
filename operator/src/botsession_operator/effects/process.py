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

from botsession_contract.jsonform import decode, encode
from botsession_contract.launch import LAUNCH_ENV, Launch
from botsession_contract.names import BOT_CONTAINER
from botsession_contract.report import LARGEST_REPORT_BYTES
from botsession_operator.api.spec import Json
from botsession_operator.core.expansion import expand
from botsession_operator.effects import leash
from botsession_operator.errors import PodRefused


@dataclass(frozen=True, slots=True)
class Place:
    """Where local bots run."""

    #: The bot's working directory, as WORKDIR is in an image.
    folder: Path
    #: Reports and logs go here.
    scratch: Path
    #: The interpreter that has Pipecat and the runtime; takes the place of spec.bot.python.
    python: str = sys.executable
    #: Where the bot's and the supervisor's output goes; None lets it through to the terminal.
    log: IO[bytes] | None = None


@dataclass(slots=True)
class Supervisor:
    """A running supervisor."""

    process: asyncio.subprocess.Process
    port: int
    report_path: Path
    _deadline: asyncio.TimerHandle | None = field(default=None)

    async def wait(self) -> int:
        """Wait for its exit; give the exit code, 128 + n where a signal n ended it, as a kubelet does."""
        code = await self.process.wait()
        if self._deadline:
            self._deadline.cancel()
        return code if code >= 0 else 128 - code

    def report(self) -> str:
        """Return its termination message, as a kubelet keeps it; empty where it left none."""
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
        """Send SIGKILL. A bot ends itself when its supervisor is gone; one that is stuck does not."""
        with suppress(ProcessLookupError):
            self.process.kill()


async def start_supervisor(manifest: Json, place: Place) -> Supervisor:
    """Start the supervisor that a pod manifest describes, listening on a free port of the loopback interface."""
    (container,) = (each for each in manifest["spec"]["containers"] if each["name"] == BOT_CONTAINER)
    environment = _environment(container["env"])
    report_path = place.scratch / f"{manifest['metadata']['name']}.report.json"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        launch = decode(Launch, json.loads(environment[LAUNCH_ENV]))
        launch = replace(
            launch,
            transport=replace(launch.transport, host="127.0.0.1") if launch.transport else None,
            python=place.python,
            report_path=str(report_path),
            control_fd=listener.fileno(),
        )
        process = await asyncio.create_subprocess_exec(
            *on_leash(place.python, "-m", "botsession_runtime"),
            cwd=place.folder,
            env={**os.environ, **environment, LAUNCH_ENV: json.dumps(encode(launch))},
            pass_fds=(listener.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=place.log,
            stderr=place.log,
            start_new_session=True,
        )
        return Supervisor(process, listener.getsockname()[1], report_path)


def on_leash(*command: str) -> tuple[str, ...]:
    """Give a command line that ends with a SIGTERM when this process is gone, so that nothing outlives a killed run."""
    return (sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *command)


def _environment(variables: list[Json]) -> dict[str, str]:
    """Return what a container is given: in a value, `$(NAME)` stands for a variable before it, as in a cluster."""
    known: dict[str, str] = {}
    for each in variables:
        known[each["name"]] = _value(each) if "valueFrom" in each else expand(str(each.get("value", "")), known)
    return known


def _value(variable: Json) -> str:
    """Return the value that a cluster would take from a Secret: here it comes from this shell's environment."""
    name = variable["name"]
    if name not in os.environ:
        raise PodRefused("CreateContainerConfigError", f"no Secrets here: set {name} in your environment instead")
    return os.environ[name]
