"""The cluster and the user are found as kubectl finds them."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.cluster_client import ClusterClient, Where
from botsession_operator.cli.kubeconfig import choose
from tests.apiserver import ApiServer, kubeconfig

NOWHERE = "http://127.0.0.1:1"


def write(file: Path, name: str, **parts: Any) -> Path:
    """Write a kubeconfig with one context, cluster and user of the same name."""
    config = {
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example"}}],
        "users": [{"name": name, "user": {"token": name}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        **parts,
    }
    file.write_text(yaml.safe_dump(config))
    return file


def test_several_files_are_one_and_the_first_names_the_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [write(tmp_path / name, name) for name in ("blue", "green")]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, [*files, tmp_path / "missing"])))
    assert choose(None, None).cluster.server == "https://blue.example"
    assert choose(None, "green").cluster.server == "https://green.example"


def test_named_file_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(write(tmp_path / "blue", "blue")))
    assert choose(write(tmp_path / "green", "green"), None).context_name == "green"


def test_paths_are_relative_to_the_file_that_they_stand_in(tmp_path: Path) -> None:
    cluster = {"server": "https://a.example", "certificate-authority": "ca.crt"}
    file = write(tmp_path / "config", "a", clusters=[{"name": "a", "cluster": cluster}])
    assert choose(file, None).cluster.certificate_auth == str(tmp_path / "ca.crt")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "is empty", id="an empty file"),
        pytest.param("a: [", "cannot be read", id="no YAML"),
        pytest.param("clusters: []", "has no current context", id="no context"),
        pytest.param("{current-context: x, users: [{name: x}]}", "is invalid", id="a user without anything"),
        pytest.param("current-context: x", "there is no context x; known: none", id="a context that is not there"),
    ],
)
def test_kubeconfig_that_cannot_be_used_is_refused_with_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(CliError, match=sentence):
        choose(tmp_path / "config", None)


def test_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=f"there is no kubeconfig {tmp_path}/none") as raised:
        choose(tmp_path / "none", None)
    assert raised.value.code is Exit.NOT_FOUND


def test_unknown_context_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="there is no context green; known: blue"):
        choose(write(tmp_path / "blue", "blue"), "green")


def test_context_without_a_user_asks_as_nobody(tmp_path: Path) -> None:
    file = write(tmp_path / "config", "a", contexts=[{"name": "a", "context": {"cluster": "a"}}])
    assert ClusterClient(Where(file)).server == "https://a.example"


PLUGIN = """
import json, os
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
print(json.dumps({"apiVersion": info["apiVersion"], "status": {"token": "from-" + info["apiVersion"].split("/")[1]}}))
"""


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_credential_plugin_gives_the_token(version: str, tmp_path: Path, server: ApiServer) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    command = {"command": sys.executable, "args": [str(tmp_path / "plugin.py")]}
    user = {"token": None, "exec": {"apiVersion": f"client.authentication.k8s.io/{version}", **command}}
    ClusterClient(Where(kubeconfig(tmp_path, server.url, **user))).sessions()
    assert server.requests[0][4]["Authorization"] == f"Bearer from-{version}"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        pytest.param("raise SystemExit('log in first')", "log in first", id="it fails"),
        pytest.param("print('{\"status\": {}}')", "returned no token", id="it gives no token"),
        pytest.param("print('hello')", "cannot be used", id="it gives no JSON"),
    ],
)
def test_credential_plugin_that_fails_is_told_in_a_sentence(script: str, sentence: str, tmp_path: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", script]}
    where = Where(kubeconfig(tmp_path, NOWHERE, token=None, exec=plugin))
    with pytest.raises(CliError, match=sentence) as raised:
        ClusterClient(where).sessions()
    assert raised.value.code is Exit.FORBIDDEN


def test_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=f"the cluster at {NOWHERE} cannot be reached") as raised:
        ClusterClient(Where(kubeconfig(tmp_path, NOWHERE))).sessions()
    assert raised.value.code is Exit.UNREACHABLE


def test_token_of_the_kubeconfig_is_sent(tmp_path: Path, server: ApiServer) -> None:
    ClusterClient(Where(kubeconfig(tmp_path, server.url))).sessions()
    assert server.requests[0][4]["Authorization"] == "Bearer secret-token"
    assert "secret-token" not in json.dumps(server.requests[0][2])
