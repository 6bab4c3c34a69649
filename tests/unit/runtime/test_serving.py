"""Which programs are servers. Each is a process of its own: this one may have sockets that another test has opened."""

import subprocess
import sys

import pytest

#: Tells whether a program is one, at the end of what makes it so.
TELL = "from botsession_runtime.hook import serving; print(serving.is_serving())"
LISTEN = "import socket; listening = socket.create_server(('127.0.0.1', 0))"
CONNECT = f"{LISTEN}; ours, theirs = socket.create_connection(listening.getsockname()), listening.accept()"
NO_TABLES = "import pathlib; from botsession_runtime.hook import serving; serving.TABLES = (pathlib.Path('/nowhere'),)"


@pytest.mark.parametrize(
    ("program", "is_server"),
    [
        pytest.param(LISTEN, True, id="one that waits for callers"),
        pytest.param(f"{CONNECT}; listening.close()", False, id="one that is connected somewhere"),
        pytest.param(f"{LISTEN}; {NO_TABLES}", False, id="one whose kernel does not tell is not guessed at"),
    ],
)
def test_only_a_program_that_waits_for_callers_is_a_server(program: str, is_server: bool) -> None:
    assert said_by(f"{program}; {TELL}") == f"{is_server}\n"


def test_process_that_a_server_started_for_a_call_knows_of_the_server() -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {TELL!r}], check=True)"
    assert said_by(f"{LISTEN}; {child}") == "True\n"
    assert said_by(child) == "False\n"


def said_by(program: str) -> str:
    """Return what a program says that is started as a bot is, as the first of its session."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True).stdout
