"""`botsession start` and `botsession check`, run as a user runs them."""

from pathlib import Path

import pytest
import yaml

from botsession_contract.lifecycle import Cause, Outcome, Phase, Reason
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.status import ConditionType, Status
from botsession_operator.cli.cli_error import Exit
from tests.apiserver import ApiServer
from tests.builders import unmet
from tests.sessions import asked, finished, stored
from tests.unit.cli.conftest import Botsession

MANIFEST = {
    "apiVersion": "botsession.dev/v1alpha1",
    "kind": "BotSession",
    "metadata": {"name": "hello"},
    "spec": {"bot": {"image": "bot:1", "target": "bot.py"}},
}


def test_start_makes_a_session_of_the_options(server: ApiServer, botsession: Botsession) -> None:
    result = botsession("start", "--image", "bot:1", "--target", "bot.py", "--label", "team=support")
    assert result.stdout == "bot-x7k2p is started.\n"
    method, path, query, body, _ = server.requests[0]
    assert (method, path) == ("POST", "/apis/botsession.dev/v1alpha1/namespaces/bots/botsessions")
    assert query == {"fieldValidation": "Strict"}
    assert body["metadata"] == {"generateName": "bot-", "namespace": "bots", "labels": {"team": "support"}}


def test_start_takes_a_manifest_from_standard_input(server: ApiServer, botsession: Botsession) -> None:
    result = botsession("start", "other", "-f", "-", "-o", "name", stdin=yaml.safe_dump(MANIFEST))
    assert result.stdout == "botsession.botsession.dev/other\n"
    assert server.requests[0][3]["spec"] == MANIFEST["spec"]


def test_dry_run_on_the_client_asks_nobody_and_prints_what_would_be_sent(
    server: ApiServer, botsession: Botsession
) -> None:
    result = botsession("start", "a", "--image", "b", "--target", "b.py", "--dry-run", "client", "-o", "yaml")
    head = {"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSession", "metadata": {"name": "a"}}
    assert yaml.safe_load(result.stdout) == {**head, "spec": {"bot": {"image": "b", "target": "b.py"}}}
    assert server.requests == []


def test_dry_run_on_the_client_refuses_another_namespace_than_the_manifests(botsession: Botsession) -> None:
    manifest = {**MANIFEST, "metadata": {"name": "a", "namespace": "bots"}}
    result = botsession("start", "-f", "-", "--dry-run=client", "-n", "other", stdin=yaml.safe_dump(manifest))
    assert result.exit_code == Exit.REFUSED
    assert "the manifest has the namespace bots" in result.stderr


def test_dry_run_on_the_server_starts_nothing(server: ApiServer, botsession: Botsession) -> None:
    botsession("start", "a", "--image", "b", "--target", "b.py", "--dry-run=server")
    assert server.requests[0][2]["dryRun"] == "All"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["--max-duration", "2 weeks"], "spec.maxSessionDuration", id="no duration"),
        pytest.param(["--python", ""], "should be at least 1 chars long", id="no interpreter"),
    ],
)
def test_session_that_would_be_refused_is_refused_with_the_servers_sentence(
    arguments: list[str], sentence: str, botsession: Botsession
) -> None:
    result = botsession("start", "a", "--image", "b", "--target", "b.py", "--dry-run", "client", *arguments)
    assert result.exit_code == Exit.REFUSED
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("ws://a.bots.svc:7860/ws", "a waits for its caller at ws://a.bots.svc:7860/ws.\n", id="exposed"),
        pytest.param(None, "a waits for its caller.\n", id="reached in its own way"),
    ],
)
def test_start_that_waits_tells_where_the_bot_waits_for_its_caller(
    url: str | None, said: str, server: ApiServer, botsession: Botsession
) -> None:
    waiting = unmet(ConditionType.STARTED, ConditionReason.WAITING_FOR_CALLER, "the bot listens")
    version = stored(Status(Phase.STARTING, 1, conditions=(waiting,), url=url), "a")
    server.changes = [[{**version, "metadata": {**version["metadata"], "uid": "u"}}]]
    result = botsession("start", "a", "--image", "b", "--target", "b.py", "--transport", "websocket", "--wait")
    assert (result.stdout, result.exit_code) == (said, Exit.OK)


def test_start_that_waits_tells_why_it_never_ran(server: ApiServer, botsession: Botsession) -> None:
    ending = Status(Phase.ENDING, 1, ending=asked(Cause.START_TIMEOUT))
    versions = [stored(ending), stored(finished(Reason.IMAGE_PULL, Outcome.NEVER_STARTED))]
    server.changes = [[{**each, "metadata": {**each["metadata"], "uid": "u"}} for each in versions]]
    result = botsession("start", "a", "--image", "bot:1", "--target", "bot.py", "--wait")
    assert result.exit_code == Exit.FAILED
    assert "could not be pulled" in result.stderr


def test_check_holds_a_manifest_against_the_rules_and_the_server(
    server: ApiServer, botsession: Botsession, tmp_path: Path
) -> None:
    file = tmp_path / "session.yaml"
    file.write_text(yaml.safe_dump(MANIFEST))
    result = botsession("check", str(file))
    assert result.exit_code == Exit.OK
    assert "The API server of here would accept the manifest." in result.stdout
    assert server.requests[0][1:3] == (
        "/apis/botsession.dev/v1alpha1/namespaces/bots/botsessions",
        {"fieldValidation": "Strict", "dryRun": "All"},
    )


def test_check_fails_a_manifest_that_breaks_a_rule(botsession: Botsession, tmp_path: Path) -> None:
    file = tmp_path / "session.yaml"
    file.write_text(yaml.safe_dump({**MANIFEST, "spec": {"bot": {"image": "b", "traget": "bot.py"}}}))
    result = botsession("check", str(file), "--offline")
    assert result.exit_code == Exit.FAILED
    assert 'fail  unknown field "spec.bot.traget"' in result.stdout
