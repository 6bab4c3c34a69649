"""What is read of the sockets of processes: real ones, since only the kernel knows how it writes them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from botsession_runtime import tcp_sockets
from botsession_runtime.processes import descendants
from botsession_runtime.tcp_sockets import read_sockets

LISTENS = """
import socket, sys
family, host = (socket.AF_INET6, sys.argv[1]) if ":" in sys.argv[1] else (socket.AF_INET, sys.argv[1])
listener = socket.socket(family)
listener.bind((host, 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def listener(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Run a process that listens on an address; give its id and its port."""
    command = [sys.executable, "-c", LISTENS, getattr(request, "param", "127.0.0.1")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


@pytest.mark.parametrize(
    ("listener", "is_reachable"),
    [
        pytest.param("127.0.0.1", False, id="loopback"),
        pytest.param("127.8.8.8", False, id="another of its addresses"),
        pytest.param("0.0.0.0", True, id="all addresses"),
        pytest.param("::1", False, id="IPv6 loopback"),
        pytest.param("::", True, id="all IPv6 addresses"),
        pytest.param("::ffff:127.0.0.1", False, id="loopback, written as IPv6"),
    ],
    indirect=["listener"],
)
def test_listening_port_is_known_with_who_reaches_it(listener: tuple[int, int], is_reachable: bool) -> None:
    pid, port = listener
    assert read_sockets([pid]).listening == {port: is_reachable}


def test_port_of_another_process_does_not_count(listener: tuple[int, int]) -> None:
    _, port = listener
    assert port not in read_sockets([os.getpid()]).listening


def test_process_that_is_gone_has_none() -> None:
    assert read_sockets([2**22 + 1]).listening == {}


def test_connection_of_another_process_is_one(listener: tuple[int, int]) -> None:
    pid, port = listener
    assert not read_sockets([pid]).connections
    with closing(socket.create_connection(("127.0.0.1", port))):
        ((connected_to, _),) = read_sockets([pid]).connections
    assert connected_to == port


def test_own_connection_is_none(listener: tuple[int, int]) -> None:
    pid, port = listener
    with closing(socket.create_connection(("127.0.0.1", port))):
        assert not read_sockets([pid, os.getpid()]).connections


def test_no_more_than_a_bound_is_read(listener: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_sockets, "LARGEST_TABLE_BYTES", 100)
    assert read_sockets([listener[0]]).listening == {}


def test_children_are_found_to_the_last_generation() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    grandchild = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, grandchild]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert {process.pid, int(process.stdout.readline())} <= set(descendants())
        process.stdin.close()
