"""A name that a user types, or that a manifest brings, leads to the object of that name, or nowhere."""

from pathlib import Path

import pytest

from botsession_operator.cli.cli_error import Exit
from tests.apiserver import ApiServer
from tests.sessions import running, stored
from tests.unit.cli.conftest import Botsession

NO_NAMES = ["call-1?x", "call-1#x", "../pods", "call/1", "call-1%2Fstatus", "a,b=c", "Call", "call-1\n", "x" * 64, ".."]
MANIFEST = """
apiVersion: botsession.dev/v1alpha1
kind: BotSession
metadata: {{name: hello, namespace: {namespace}}}
spec: {{bot: {{image: "bot:1", target: bot.py}}}}
"""


@pytest.mark.parametrize("command", ["get", "describe", "why", "logs", "end"])
@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_what_is_no_name_is_not_found_without_a_question(
    server: ApiServer, botsession: Botsession, command: str, name: str
) -> None:
    server.add(stored(running(), "call-1"))

    result = botsession(command, "--", name)

    assert result.exit_code == Exit.NOT_FOUND
    assert "no session can be named" in result.stderr
    assert server.requests == []


@pytest.mark.parametrize("namespace", ["a/b", "..", "bots?x=y", "Bots", "bots.tenant", "x" * 64])
def test_what_is_no_namespace_is_refused_without_a_question(
    server: ApiServer, botsession: Botsession, namespace: str
) -> None:
    result = botsession("list", "-n", namespace)

    assert result.exit_code == Exit.REFUSED
    assert "is not a namespace" in result.stderr
    assert server.requests == []


def test_a_selector_stays_one_value(server: ApiServer, botsession: Botsession) -> None:
    botsession("list", "-l", "a=b&limit=1#x?y%2C é")

    (asked,) = server.requests
    assert asked[2] == {"labelSelector": "a=b&limit=1#x?y%2C é"}
    assert asked[1].endswith("/namespaces/bots/botsessions")


def test_a_pods_name_in_a_status_stays_one_segment(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(running(pod_name="x?container=other"), "call-1"))

    botsession("logs", "call-1")

    assert server.requests[-1][1] == "/api/v1/namespaces/bots/pods/x?container=other/log"
    assert server.requests[-1][2]["container"] == "bot"


def test_a_pods_name_that_would_lead_elsewhere_is_not_asked_for(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(running(pod_name="../../secrets/key"), "call-1"))

    assert botsession("logs", "call-1").exit_code == Exit.NOT_FOUND
    assert len(server.requests) == 1


@pytest.mark.parametrize("namespace", ['"../x"', '"a/b"', '"Bots"', "5", '"x\\n"'])
def test_a_manifest_in_a_namespace_that_is_none_is_not_run(
    botsession: Botsession, tmp_path: Path, namespace: str
) -> None:
    file, output = tmp_path / "session.yaml", tmp_path / "output"
    file.write_text(MANIFEST.format(namespace=namespace))

    result = botsession("run", str(file), "--output", str(output))

    assert result.exit_code == Exit.REFUSED
    assert "metadata.namespace" in result.stderr
    assert not output.exists()


@pytest.mark.parametrize("name", ['"../../x"', '"a/b"', "5", "0", '"hello\\n"', '"x.."'])
def test_a_manifest_whose_name_is_none_is_not_run(botsession: Botsession, tmp_path: Path, name: str) -> None:
    file, output = tmp_path / "session.yaml", tmp_path / "output"
    file.write_text(MANIFEST.format(namespace="bots").replace("name: hello", f"name: {name}"))

    result = botsession("run", str(file), "--output", str(output))

    assert result.exit_code == Exit.REFUSED
    assert "metadata.name" in result.stderr
    assert not output.exists()
