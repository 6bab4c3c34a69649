"""Runs the real supervisor with a real bot, as the local backend does, for tests."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from aiohttp import web

from botsession_contract.control import END_PATH, SESSION_PATH, SessionPatch, SessionSnapshot
from botsession_contract.credentials import token_digest
from botsession_contract.json_codec import decode, encode
from botsession_contract.launch import LAUNCH_ENV, Launch
from botsession_contract.lifecycle import Mode
from botsession_contract.report import ExitReport, from_bytes
from botsession_contract.shutdown import Shutdown

ROOT = Path(__file__).parent.parent
BOTS = ROOT / "tests" / "bots"
TOKEN = "a token"
#: Runs the supervisor and the bot; another one has another Pipecat.
PYTHON = sys.executable
#: Where that interpreter finds the runtime.
PYTHONPATH: tuple[Path, ...] = (ROOT / "runtime" / "src",)
#: aiohttp reads all certificate authorities of the machine when it is imported, here by the supervisor and by the bot:
#: a tenth of a second of CPU each. No test's bot asks a server that has a certificate.
WITHOUT_AUTHORITIES: Final = {"SSL_CERT_FILE": os.devnull}
#: No test waits longer for anything, in seconds: a machine under load is slow, a hang is for ever.
PATIENCE = 90.0
#: Who waits for a poke asks again after this long, in seconds: a poke may get lost, and tells not of everything.
REASK_SECONDS = 1.0
#: Longer than any bot that can end takes, on a machine that is busy with other things too.
AMPLE = Shutdown(grace_period_seconds=PATIENCE, cancel_period_seconds=PATIENCE)
#: For bots that an EndFrame does not end, but a CancelFrame does: hurried up, they have a second for the first and all
#: patience for the second, since what is left is shortened in proportion.
STUCK = Shutdown(grace_period_seconds=PATIENCE, cancel_period_seconds=100 * PATIENCE)
#: For bots that have to be killed, where nothing is expected of them meanwhile: a slow machine may let them do nothing.
QUICK = Shutdown(grace_period_seconds=0.5, cancel_period_seconds=0.5)


class Supervised:
    """A supervisor process, its control endpoint, its pokes and its report."""

    #: What the interpreter is given, as in the container of a bot whose image contains the runtime.
    arguments: Final = ("-P", "-m", "botsession_runtime")

    def __init__(self, folder: Path, target: str | None, **launch: Any) -> None:
        self.folder = folder
        self.fields = {
            "target": target,
            "shutdown": AMPLE,
            "termination_grace_seconds": 6.0,
            "python": PYTHON,
        } | launch
        self.env: dict[str, str] = {}
        self.pokes = 0
        self._news = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = listening.getsockname()[1]
        poke_url = await self._serve_pokes()
        launch = Launch(
            namespace="tests",
            name="session",
            token_sha256=token_digest(TOKEN),
            report_path=str(self.folder / "report.json"),
            control_fd=listening.fileno(),
            poke_url=poke_url,
            **self.fields,
        )
        with listening, (self.folder / "log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                PYTHON,
                *self.arguments,
                env=self._environment(launch),
                cwd=self.folder,
                pass_fds=(listening.fileno(),),
                stdout=log,
                stderr=log,
            )
        self._stack.push_async_callback(self._end_process)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.http = await self._stack.enter_async_context(
            aiohttp.ClientSession(self._url(), headers=headers, timeout=aiohttp.ClientTimeout(PATIENCE))
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def snapshot(self) -> SessionSnapshot:
        """Ask the control endpoint."""
        async with self.http.get(SESSION_PATH) as response:
            assert response.status == 200, await response.text()
            return decode(SessionSnapshot, await response.json())

    async def until(self, is_so: Callable[[SessionSnapshot], bool]) -> SessionSnapshot:
        """Wait for a snapshot like this: ask again whenever the supervisor pokes, and now and then."""
        async with asyncio.timeout(PATIENCE):
            while not is_so(snapshot := await self.snapshot()):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), REASK_SECONDS)
                self._news.clear()
        return snapshot

    async def running(self) -> Self:
        """Wait until the pipeline has started."""
        # One that ends itself at once is no longer `Running` when it is asked.
        await self.until(lambda snapshot: snapshot.started_at is not None)
        return self

    async def in_call(self) -> Self:
        """Wait until the pipeline has started and a client is there, which may be known before."""
        await self.until(lambda seen: seen.started_at is not None and seen.client_connected_at is not None)
        return self

    async def end(self, mode: Mode = Mode.GRACEFUL, **more: Any) -> int:
        """Ask the session to end; give the answer's status."""
        async with self.http.post(END_PATH, json={"mode": mode, **more}) as response:
            return response.status

    async def hurry(self, seconds: float = 0.0, mode: Mode = Mode.GRACEFUL) -> None:
        """Have the ladder that is under way end within so many seconds, once the bot is where a test wants it."""
        assert await self.end(mode, gracePeriodSeconds=0, cancelPeriodSeconds=seconds) == 202

    async def patch(self, patch: SessionPatch) -> SessionSnapshot:
        """Move what may be moved while it runs; give the answer."""
        async with self.http.patch(SESSION_PATH, json=encode(patch)) as response:
            assert response.status == 200, await response.text()
            return decode(SessionSnapshot, await response.json())

    def terminate(self) -> None:
        """Send what the kubelet sends."""
        self.process.send_signal(signal.SIGTERM)

    async def report(self) -> ExitReport:
        """Wait for the end of the supervisor and read its report."""
        async with asyncio.timeout(PATIENCE):
            await self.process.wait()
        return from_bytes((self.folder / "report.json").read_bytes())

    @property
    def log(self) -> str:
        """All that the supervisor and the bot wrote."""
        return (self.folder / "log").read_text(errors="replace")

    async def logged(self, text: str, times: int = 1) -> None:
        """Wait until something is in the log so often: the only sign that a bot without a pipeline can give."""
        async with asyncio.timeout(PATIENCE):
            while self.log.count(text) < times:
                await asyncio.sleep(0.02)

    def _environment(self, launch: Launch) -> dict[str, str]:
        return (
            os.environ
            | WITHOUT_AUTHORITIES
            | {"PYTHONPATH": os.pathsep.join(map(str, PYTHONPATH))}
            | self.env
            | {LAUNCH_ENV: json.dumps(encode(launch))}
        )

    async def _serve_pokes(self) -> str:
        async def poked(_request: web.Request) -> web.Response:
            self.pokes += 1
            self._news.set()
            return web.Response(status=204)

        app = web.Application()
        app.router.add_post("/poke", poked)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/poke"

    async def _end_process(self) -> None:
        if self.process.returncode is None:
            # SIGKILL would leave the bot behind; after a SIGTERM the supervisor takes it along.
            self.terminate()
            async with asyncio.timeout(PATIENCE):
                await self.process.wait()


def supervised(folder: Path, bot: str, **launch: Any) -> Supervised:
    """Supervise one of the bots in tests/bots."""
    return Supervised(folder, str(BOTS / bot), **launch)
