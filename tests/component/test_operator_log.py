"""The operator as a process: each line that it writes is JSON, whoever says it, and however it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from tests.apiserver import ApiServer, kubeconfig, serving
from tests.log_lines import Line


@contextmanager
def operator(folder: Path, url: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run the operator; what it writes on both streams comes by one pipe."""
    (folder / "key").write_text("k" * 64)
    environ = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(kubeconfig(folder, url)),
        "BOTSESSION_CONTROL_KEY_FILE": str(folder / "key"),
        "BOTSESSION_RUNTIME_IMAGE": "runtime:1",
        "BOTSESSION_INJECTION": "ImageVolume",
        "BOTSESSION_LISTEN": "127.0.0.1:0",
        "PYTHONWARNINGS": "default",
        **settings,
    }
    command = [sys.executable, "-X", "dev", "-m", "botsession_operator"]
    with subprocess.Popen(command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            process.kill()


def ends(process: subprocess.Popen[str]) -> list[Line]:
    """Wait for the end of a process; return what it wrote until then."""
    assert process.stdout
    return [json.loads(line) for line in process.stdout]


def test_operator_that_is_refused_its_watches_says_so_in_json(tmp_path: Path) -> None:
    refusing = ApiServer(refusal=(HTTPStatus.FORBIDDEN, "you may not"))
    with serving(refusing) as server, operator(tmp_path, server.url) as process:
        assert process.stdout
        lines: list[Line] = []
        while not any(line.get("logger", "").startswith("kopf") for line in lines):
            lines.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGTERM)
        lines += ends(process)
    assert "operator started" in [line["event"] for line in lines]
    assert [line for line in lines if not {"event", "level", "timestamp"} <= line.keys()] == []


def test_operator_waits_for_an_api_server_that_is_away_and_stops_when_it_is_told_to(tmp_path: Path) -> None:
    with operator(tmp_path, "http://127.0.0.1:1", BOTSESSION_INJECTION="Auto") as process:
        assert process.stdout
        lines: list[Line] = []
        while sum(line["event"] == "API server not reached" for line in lines) < 2:
            lines.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGTERM)
        *_, last = ends(process)
        assert process.wait() == 0
    assert (last["level"], last["event"]) == ("info", "operator stopped")


def test_operator_that_dies_ends_with_a_line_of_json(tmp_path: Path) -> None:
    refusing = ApiServer(refusal=(HTTPStatus.FORBIDDEN, "you may not ask for the version"))
    with serving(refusing) as server, operator(tmp_path, server.url, BOTSESSION_INJECTION="Auto") as process:
        *_, last = ends(process)
        assert process.wait() == 1
    assert (last["level"], last["event"]) == ("critical", "uncaught exception")
    assert "Traceback" in last["exception"]


def test_operator_whose_settings_make_no_sense_says_which_in_json(tmp_path: Path) -> None:
    with operator(tmp_path, "http://127.0.0.1:1", BOTSESSION_WORKERS="many") as process:
        *_, last = ends(process)
        assert process.wait() == 1
    assert (last["event"], last["level"]) == ("settings refused", "critical")
    assert last["error"].startswith("BOTSESSION_WORKERS must be")
