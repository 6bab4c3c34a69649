"""A caller for the parrot on the cluster: its own client, through a port-forward, and what it heard."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.world import ROOT, Session, port_forward

CLIENT = ROOT / "examples/parrot/client.py"
FAREWELL = "We have reached our time limit. Goodbye!"


class Caller:
    """A call in progress, in a process of its own; use it as a context."""

    def __init__(self, session: Session, folder: Path, *say: str) -> None:
        self._forward = port_forward(session.namespace, session.status["podName"], 8765)
        self._transcript = folder / f"{session.name}.json"
        self.recording = folder / f"{session.name}.wav"
        self._say = [word for line in say for word in ("--say", line)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Caller":
        port = self._forward.__enter__()
        options = ["--url", f"ws://127.0.0.1:{port}", "--record", str(self.recording), "--timeout", "120", "--json"]
        command = [sys.executable, str(CLIENT), *options, "--transcript", str(self._transcript), *self._say]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.until_event("connected")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process and self._process.stdout:
            self._process.stdout.close()
        self._forward.__exit__(None, None, None)

    def until_event(self, event: str) -> None:
        """Read the client's events up to this one."""
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if json.loads(line).get("event") == event:
                return
        raise AssertionError(f"the call ended before {event!r}")

    def heard(self, within: float = 120) -> str:
        """Wait for the call to end; give what was understood in its recording, pauses left out."""
        assert self._process is not None
        self._process.communicate(timeout=within)
        transcript: dict[str, Any] = json.loads(self._transcript.read_text())
        return " ".join(transcript["heard"])
