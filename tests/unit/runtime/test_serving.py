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
    told = subprocess.run([sys.executable, "-c", f"{program}; {TELL}"], capture_output=True, text=True, check=True)
    assert told.stdout == f"{is_server}\n"
