"""What a bot is started with."""

import json
import os
import socket
import sys

import pytest

from botsession_contract.control import CONTROL_PORT
from botsession_runtime import bot_process
from botsession_runtime.bot_process import PACKAGE_FOLDER, bot_environment, command_line, start, without_package_folder

TARGET = {"target": "bot.py", "name": "support-42", "body": {"a": 1}, "python": "python3.12"}
COMMAND = {"command": ["uv", "run", "bot.py"]}


@pytest.fixture
def fd() -> int:
    return 0


def test_command_is_left_alone() -> None:
    assert command_line(COMMAND) == ["uv", "run", "bot.py"]


def test_target_is_run_by_its_interpreter() -> None:
    assert command_line(TARGET) == ["python3.12", "-m", "botsession_runtime.launch"]


@pytest.mark.parametrize("raw_launch", [TARGET, COMMAND])
def test_launch_does_not_leak_into_the_bot(raw_launch: dict[str, object], fd: int) -> None:
    env = bot_environment(raw_launch, {"BOTSESSION_LAUNCH": "{}", "HOME": "/root"}, fd, fd)
    assert "BOTSESSION_LAUNCH" not in env
    assert env["HOME"] == "/root"


def test_hook_comes_after_the_images_own_setup_files(fd: int) -> None:
    env = bot_environment(COMMAND, {"PIPECAT_SETUP_FILES": "theirs.py"}, fd, fd)
    assert env["PIPECAT_SETUP_FILES"] == f"theirs.py{os.pathsep}{PACKAGE_FOLDER}/botsession_runtime/agent.py"


@pytest.mark.parametrize("body", [{"a": 1}, [], "", 0, False, "grüezi 🌍"])
def test_target_and_command_get_the_body(body: object, fd: int) -> None:
    bot = json.loads(bot_environment(TARGET | {"body": body}, {}, fd, fd)["BOTSESSION_BOT"])
    assert bot == {"target": "bot.py", "body": body, "session": "support-42", "transport": None, "idle": None}
    env = bot_environment(COMMAND | {"body": body}, {}, fd, fd)
    assert json.loads(env["BOTSESSION_BODY"]) == body
    assert "BOTSESSION_BOT" not in env


def test_no_body_is_an_empty_one_for_a_command_as_in_pipecats_own_runner(fd: int) -> None:
    assert bot_environment(COMMAND, {}, fd, fd)["BOTSESSION_BODY"] == "{}"


def test_our_folder_is_taken_out_of_the_python_path() -> None:
    env = {"PYTHONPATH": os.pathsep.join([PACKAGE_FOLDER, "/app/lib"])}
    assert without_package_folder(env) == {"PYTHONPATH": "/app/lib"}


def test_python_path_that_was_only_ours_is_gone() -> None:
    assert without_package_folder({"PYTHONPATH": PACKAGE_FOLDER, "A": "b"}) == {"A": "b"}


TAKES_PORT = """
import socket, sys
with socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET) as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((sys.argv[2], int(sys.argv[1])))
        listener.listen()
    except OSError:
        sys.exit(7)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("own_host", "bot_host"),
    [("127.0.0.1", "127.0.0.1"), *(("0.0.0.0", host) for host in ("0.0.0.0", "127.0.0.1", "::", "::1"))],
)
def test_bot_cannot_listen_in_its_supervisors_place(own_host: str, bot_host: str) -> None:
    port = free_port()
    raw_launch = {
        "command": [sys.executable, "-c", TAKES_PORT, str(port), bot_host],
        "controlPort": port,
        "controlHost": own_host,
    }
    bot = start(raw_launch, dict(os.environ))
    assert bot.pid is not None
    assert bot.control is not None
    assert bot.hooks is not None
    _, status = os.waitpid(bot.pid, 0)
    with bot.control, bot.agent, bot.hooks.listener:
        assert os.waitstatus_to_exitcode(status) == 7
    for fd in (bot.stacks, bot.stacks_target, bot.result):
        os.close(fd)


def test_port_that_is_taken_is_said_and_the_bot_starts_all_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        raw_launch = {"controlPort": taken.getsockname()[1], "controlHost": "127.0.0.1"}
        control, why = bot_process.listen(raw_launch)
    assert control is None
    assert "in use" in why


def test_bot_does_not_start_where_a_stranger_has_its_supervisors_port_on_the_node() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        raw_launch = {"command": ["true"], "controlPort": port, "controlHost": "127.0.0.1", "hostNetwork": True}
        bot = start(raw_launch, dict(os.environ))
    assert (bot.pid, bot.control) == (None, None)
    assert bot.failure is not None
    assert bot.failure.startswith(f"the supervisor cannot listen on port {port} of the node: ")
    assert bot.hooks is not None
    bot.agent.close()
    bot.hooks.listener.close()
    for fd in (bot.stacks, bot.stacks_target, bot.result):
        os.close(fd)


def test_port_is_the_contracts() -> None:
    assert bot_process.CONTROL_PORT == CONTROL_PORT
