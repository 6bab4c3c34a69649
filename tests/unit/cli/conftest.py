"""A command line that talks to an API server of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from botsession_operator.cli.app import app
from tests.apiserver import ApiServer, kubeconfig, serving

Botsession = Callable[..., Result]


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with serving(ApiServer()) as server:
        yield server


@pytest.fixture
def kubeconfig_file(server: ApiServer, tmp_path: Path) -> Path:
    return kubeconfig(tmp_path, server.url)


@pytest.fixture
def botsession(kubeconfig_file: Path) -> Botsession:
    usual = {"KUBECONFIG": str(kubeconfig_file), "COLUMNS": "200", "NO_COLOR": "1"}

    def run(*arguments: str, stdin: str | None = None, **environment: str) -> Result:
        return CliRunner(env=usual | environment).invoke(app, arguments, input=stdin, prog_name="botsession")

    return run
