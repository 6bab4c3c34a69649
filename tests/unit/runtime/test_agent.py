"""The hook's own parts, without a bot around them. What it does inside one is in tests/component."""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from botsession_runtime import agent, bot_process
from botsession_runtime.hook import formatting, frames, idle, ipc

#: Loads the setup file as Pipecat does, twice, and tells the top-level names that this has added.
LOADER = """
import importlib.util, json, sys
from pathlib import Path
import asyncio, faulthandler, signal, threading, traceback, weakref  # the standard library's are not counted
before, path = set(sys.modules), list(sys.path)
modules = []
for _ in range(2):
    spec = importlib.util.spec_from_file_location("agent", Path(sys.argv[0]).with_name("agent.py"))
    modules.append(importlib.util.module_from_spec(spec))
    spec.loader.exec_module(modules[-1])
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
print(modules[0].setup_worker_runner.__module__)
print(modules[0].setup_worker_runner is modules[1].setup_worker_runner and path == sys.path)
"""


def test_both_sides_spell_the_environment_alike() -> None:
    names = ("AGENT_FD_ENV", "STACK_FD_ENV", "AGENT_SOCKET_ENV", "AGENT_TOKEN_ENV")
    assert [getattr(ipc, name) for name in names] == [getattr(bot_process, name) for name in names]


def test_hook_file_stands_alone() -> None:
    files = [Path(agent.__file__), *Path(ipc.__file__).parent.glob("*.py")]
    text = "\n".join(file.read_text() for file in files)
    assert not re.search(r"^\s*(from|import) botsession", text, re.MULTILINE)


def test_hook_is_loaded_from_a_folder_that_is_on_nobodys_path(tmp_path: Path) -> None:
    shutil.copy(agent.__file__, tmp_path)
    shutil.copytree(Path(ipc.__file__).parent, tmp_path / "hook")
    (tmp_path / "load.py").write_text(LOADER)
    found = subprocess.run([sys.executable, "-I", tmp_path / "load.py"], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["['_botsession_hook']", "_botsession_hook.session", "True"]


#: Loads the setup file, as a bot's own command line has it done, and hands a result over.
GIVER = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("agent", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
assert "botsession_runtime" not in sys.modules, "nobody asked for it"
from botsession_runtime import set_result
set_result({"booked": True})
"""


def test_bot_finds_our_package_where_its_image_has_none(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(GIVER)
    env = {"BOTSESSION_RESULT_FILE": str(tmp_path / "result")}
    subprocess.run([sys.executable, "-I", "-S", tmp_path / "bot.py", agent.__file__], env=env, check=True)
    assert json.loads((tmp_path / "result").read_text()) == {"booked": True}


@pytest.mark.parametrize("value", [None, "", "7", "x:y", "-1:0", "0:1", "0:1:2:3"])
def test_process_without_a_supervisor_has_no_connection(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is not None:
        monkeypatch.setenv(ipc.AGENT_FD_ENV, value)
    assert ipc.connect() is None


def test_number_that_means_another_file_by_now_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "other").open("w") as other, (tmp_path / "ours").open("w") as ours:
        monkeypatch.setenv(ipc.AGENT_FD_ENV, f"{other.fileno()}:{os.fstat(ours.fileno()).st_ino}:{os.getppid()}")
        assert ipc.connect() is None


#: Tells whether a process takes the inherited connection for its own: itself, and a child that it forks.
TAKER = """
import os, sys
from botsession_runtime.hook import ipc
print(ipc.connect() is not None, flush=True)
if os.fork() == 0:
    print(ipc.connect() is not None, os.environ["BOTSESSION_AGENT_FD"].count(":"), flush=True)
"""


@pytest.mark.parametrize("is_first", [True, False])
def test_inherited_connection_is_for_the_process_that_the_supervisor_started(is_first: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        value = f"{theirs.fileno()}:{os.fstat(theirs.fileno()).st_ino}:{os.getpid() if is_first else 1}"
        printed = subprocess.run(
            [sys.executable, "-c", TAKER],
            env=os.environ | {ipc.AGENT_FD_ENV: value, "PYTHONPATH": bot_process.PACKAGE_FOLDER},
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
    assert printed.splitlines() == [str(is_first), "False 2"]


def test_address_where_nobody_listens_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ipc.AGENT_SOCKET_ENV, "botsession-nobody")
    monkeypatch.setenv(ipc.AGENT_TOKEN_ENV, "x" * 64)
    assert ipc.connect() is None


def test_supervisor_that_does_not_read_never_blocks_the_bot() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        full = ipc.IpcConnection(theirs.fileno())
        for _ in range(2000):
            full.send("error", message="x" * 500)
        ours.setblocking(False)
        assert ours.recv(100).startswith(b'{"event": "error"')


def test_supervisor_that_is_gone_does_not_raise() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        ipc.IpcConnection(theirs.fileno()).send("started")


async def test_commands_arrive_whole_and_the_end_is_noticed() -> None:
    ours, theirs = socket.socketpair()
    heard: asyncio.Queue[object] = asyncio.Queue()
    with theirs:
        ipc.IpcConnection(theirs.fileno()).serve(asyncio.get_running_loop(), heard.put_nowait)
        with ours:
            ours.send(b'{"do": "end"}\n{"do"')
            ours.send(b': "cancel"}\n')
        commands = [await heard.get() for _ in range(3)]
    assert commands == [{"do": "end"}, {"do": "cancel"}, None]


class BotSpeakingFrame:
    """By its name, the bot's voice."""


class UserSpeakingFrame:
    """By its name, the caller's voice."""


class Heard:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.sent = asyncio.Event()

    def send(self, event: str, *, at: float) -> None:
        assert event == "active"
        self.times.append(at)
        self.sent.set()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def activity(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> idle.Activity:
    monkeypatch.setattr(idle, "ACTIVITY_SECONDS", 0.01)
    return idle.Activity(heard)  # type: ignore[arg-type]  # all that it uses


async def test_activity_is_told_at_once_and_then_only_now_and_again(activity: idle.Activity, heard: Heard) -> None:
    for _ in range(100):
        activity.on_frame(UserSpeakingFrame())
    assert len(heard.times) == 1


async def test_last_activity_is_told_in_the_end(activity: idle.Activity, heard: Heard) -> None:
    activity.on_frame(UserSpeakingFrame())
    heard.sent.clear()
    activity.on_frame(BotSpeakingFrame())
    await heard.sent.wait()
    assert heard.times[1] > heard.times[0]


async def test_bots_own_question_is_no_answer(activity: idle.Activity, heard: Heard) -> None:
    activity.prompted()
    activity.on_frame(BotSpeakingFrame())
    assert not heard.times


async def test_after_the_callers_answer_the_bots_voice_counts_again(activity: idle.Activity, heard: Heard) -> None:
    activity.prompted()
    activity.on_frame(UserSpeakingFrame())
    heard.sent.clear()
    activity.on_frame(BotSpeakingFrame())
    await heard.sent.wait()
    assert len(heard.times) == 2


class Worker:
    """What a root worker has of its own idle timer."""

    def __init__(self, idle: float | None) -> None:
        self._idle_timeout_secs = idle
        self._idle_event = asyncio.Event()

    @property
    def timer(self) -> tuple[float | None, bool]:
        """Return the timeout, and whether the wait under way is woken to take it up."""
        return self._idle_timeout_secs, self._idle_event.is_set()


@pytest.mark.parametrize(
    ("own", "is_ours", "timer"),
    [
        pytest.param(300.0, True, (idle.NEVER_SECONDS, True), id="ours decides"),
        pytest.param(300.0, False, (300.0, False), id="the bot's own stays"),
        pytest.param(None, True, (None, False), id="there is nothing to switch off"),
        pytest.param(0, True, (0, False), id="it is off already"),
    ],
)
def test_one_idle_timeout_decides(own: float | None, is_ours: bool, timer: tuple[float | None, bool]) -> None:
    worker, timers = Worker(own), idle.IdleTimers()
    timers.add(worker)
    timers.apply(is_ours=is_ours)
    assert worker.timer == timer


def test_bots_own_idle_timeout_is_given_back() -> None:
    worker, timers = Worker(300.0), idle.IdleTimers()
    timers.add(worker)
    timers.apply(is_ours=True)
    timers.apply(is_ours=False)
    assert worker.timer == (300.0, True)


class Stranger:
    """A worker of a Pipecat that keeps its idle timer elsewhere."""


def test_worker_without_such_a_timer_is_left_alone_and_told_of() -> None:
    worker, timers = Stranger(), idle.IdleTimers()
    timers.add(worker)
    timers.apply(is_ours=True)
    assert not vars(worker)
    assert not timers.can_switch()


def test_frame_is_held_by_who_got_it_and_did_not_pass_it_on() -> None:
    trail = frames.Trail()
    trail.hop("Source", "A", can_hold=True)
    assert trail.hop("A", "B", can_hold=True) == "B"


def test_branch_that_is_through_does_not_hide_the_one_that_is_not() -> None:
    trail = frames.Trail()
    trail.hop("Parallel::Source", "A", can_hold=True)
    trail.hop("Parallel::Source", "B", can_hold=True)
    assert trail.hop("B", "Branch::Sink", can_hold=False) == "A"


def test_exception_is_one_line_with_its_place() -> None:
    def fail() -> None:
        json.loads("{")  # raises in the standard library, which is not where its author should look

    with pytest.raises(ValueError) as caught:
        fail()
    assert re.fullmatch(
        r"JSONDecodeError: .* \(test_agent\.py:\d+ in fail\)", formatting.describe_exception(caught.value)
    )


def test_long_exception_is_cut() -> None:
    assert len(formatting.describe_exception(ValueError("x\n" * 5000))) == formatting.MAX_TEXT_LENGTH


async def test_task_without_a_name_goes_by_its_coroutine() -> None:
    named = asyncio.create_task(asyncio.sleep(0), name="poller")
    unnamed = asyncio.create_task(asyncio.sleep(0))
    assert formatting.names_of([named, unnamed]) == ["poller", "sleep"]
    await asyncio.gather(named, unnamed)
