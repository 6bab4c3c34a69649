"""Which programs are servers."""

import socket
from pathlib import Path

import pytest

from botsession_runtime.hook import serving
from botsession_runtime.hook.serving import is_serving


def test_program_that_waits_for_callers_is_a_server() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        assert is_serving()


def test_program_that_is_connected_somewhere_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    with ours, theirs:
        assert not is_serving()


def test_kernel_that_does_not_tell_is_not_guessed_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serving, "TABLES", (tmp_path / "tcp",))
    with socket.create_server(("127.0.0.1", 0)):
        assert not is_serving()
