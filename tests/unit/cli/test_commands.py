"""The commands, against an API server of the test's own: what they ask, print, and exit with."""

import json
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from botsession_contract.json_codec import format_time
from botsession_contract.lifecycle import Outcome, Reason
from botsession_operator.cli.cli_error import Exit
from botsession_operator.cli.completion import VARIABLE, complete_for_kubectl
from tests.apiserver import ApiServer
from tests.builders import UID
from tests.sessions import finished, running, stored
from tests.unit.cli.conftest import Botsession

Json = dict[str, Any]
OVER = finished(Reason.MAX_DURATION, Outcome.DRAINED)
BROKEN = finished(Reason.BOT_ERROR, Outcome.CANCELLED, message="no key")


def live(name: str = "support-42", minutes: float = 10) -> Json:
    """Return a session that runs now, and may for so many minutes more."""
    now = datetime.now(UTC)
    session = stored(running(started_at=now - timedelta(minutes=1), deadline=now + timedelta(minutes=minutes)), name)
    session["metadata"]["creationTimestamp"] = format_time(now - timedelta(minutes=2))
    return session


def patches(server: ApiServer) -> list[Json]:
    """Return the body of each PATCH that was asked for."""
    return [body for method, _, _, body, _ in server.requests if method == "PATCH"]


def test_list_shows_sessions_of_the_contexts_namespace(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(OVER))
    lines = botsession("list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "PHASE", "REASON", "OUTCOME", "DURATION", "LEFT", "AGE"]
    assert lines[1].split()[:5] == ["support-42", "Succeeded", "MaxDuration", "Drained", "1m"]
    assert server.requests[0][1].endswith("/namespaces/bots/botsessions")


@pytest.mark.parametrize("command", [("list",), ("describe", "support-42"), ("why", "support-42")])
def test_a_body_nested_without_end_stops_no_command(
    server: ApiServer, botsession: Botsession, command: tuple[str, ...]
) -> None:
    deep = json.dumps(stored(OVER)).replace('"spec": {', '"spec": {"x": ' + "[" * 9000 + "]" * 9000 + ", ", 1)
    kind = '"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSessionList"'
    listed = f'{{{kind}, "metadata": {{"resourceVersion": "9"}}, "items": [{deep}]}}'
    path = "/apis/botsession.dev/v1alpha1/namespaces/bots/botsessions"
    server.answers |= {path: listed, f"{path}/support-42": deep}
    server.answers["/api/v1/namespaces/bots/events"] = {"items": []}

    shown = botsession(*command)

    assert shown.exit_code == 0, shown.output
    assert "support-42" in shown.stdout


def test_list_of_all_namespaces_says_which(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(OVER))
    lines = botsession("list", "-A").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAMESPACE", "bots"]
    assert server.requests[0][1].endswith("/v1alpha1/botsessions")


def test_selector_is_the_servers_to_apply(server: ApiServer, botsession: Botsession) -> None:
    botsession("list", "-l", "team=support")
    assert server.requests[0][2]["labelSelector"] == "team=support"


def test_empty_list_says_so_where_no_program_reads_it(botsession: Botsession) -> None:
    result = botsession("list", "-n", "quiet")
    assert (result.stdout, result.exit_code) == ("", Exit.OK)
    assert result.stderr == "No sessions in namespace quiet.\n"


def test_list_as_json_is_one_list_even_of_nothing(botsession: Botsession) -> None:
    listed = json.loads(botsession("list", "-o", "json").stdout)
    assert (listed["kind"], listed["items"]) == ("List", [])


def test_names_can_be_handed_to_kubectl(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(OVER))
    assert botsession("list", "-o", "name").stdout == "botsession.botsession.dev/support-42\n"


def test_get_gives_the_object_without_the_books_about_its_fields(server: ApiServer, botsession: Botsession) -> None:
    session = stored(OVER)
    server.add({**session, "metadata": {**session["metadata"], "managedFields": [{"manager": "x"}]}})
    assert yaml.safe_load(botsession("get", "support-42", "-o", "yaml").stdout) == session


def test_get_of_several_is_a_list(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(OVER, "a"))
    server.add(stored(BROKEN, "b"))
    listed = json.loads(botsession("get", "a", "b", "-o", "json").stdout)
    assert [each["metadata"]["name"] for each in listed["items"]] == ["a", "b"]


def test_watch_goes_on_with_each_change_over_the_ends_of_streams(server: ApiServer, botsession: Botsession) -> None:
    server.add(live())
    server.changes = [[stored(running())], [stored(OVER)]]
    lines = botsession("list", "-w").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["PHASE", "Running", "Running", "Succeeded"]


def test_watch_lists_anew_where_its_version_is_forgotten(server: ApiServer, botsession: Botsession) -> None:
    server.add(live())
    server.changes = [[{"kind": "Status", "code": 410}], [stored(OVER)]]
    lines = botsession("list", "-w").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["PHASE", "Running", "Running", "Succeeded"]


def test_wait_for_a_session_that_goes_says_that_it_is_gone(server: ApiServer, botsession: Botsession) -> None:
    server.add(live())
    gone = live()
    gone["metadata"]["deletionTimestamp"] = gone["metadata"]["creationTimestamp"]
    server.changes = [[gone]]
    result = botsession("end", "support-42", "--wait")
    assert (result.exit_code, result.stderr) == (Exit.NOT_FOUND, "botsession: support-42 is gone\n")


def test_describe_draws_the_life_and_shows_what_the_bot_handed_over(server: ApiServer, botsession: Botsession) -> None:
    session = stored(OVER)
    session["status"] |= {"url": "wss://bots.example/x", "result": {"booked": True}}
    server.add(session)
    server.answers["/api/v1/namespaces/bots/events"] = {"items": []}
    shown = botsession("describe", "support-42").stdout
    assert "█" in shown
    assert 'Result:     {"booked": true}' in shown
    assert "URL:        wss://bots.example/x" in shown


def test_event_with_an_odd_time_costs_only_its_line(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(running()))
    about = {"involvedObject": {"kind": "Pod", "name": "support-42-pod"}, "reason": "Pulled"}
    odd = {**about, "firstTimestamp": "1969-12-31T10:00:00Z", "message": "pulled long ago"}
    told = {**about, "firstTimestamp": "2026-01-31T12:00:01Z", "message": "pulled today"}
    server.answers["/api/v1/namespaces/bots/events"] = {"items": [odd, told]}
    said = botsession("describe", "support-42")
    assert said.exit_code == 0
    assert "pulled today" in said.stdout
    assert "pulled long ago" not in said.stdout


def test_one_odd_time_costs_no_other_session_its_line(server: ApiServer, botsession: Botsession) -> None:
    odd = live("odd")
    odd["status"] |= {"startedAt": "1969-12-31T10:00:00Z", "deadline": "2200-01-01T00:00:00Z"}
    server.add(odd)
    server.add(live("other"))
    for command in (["list"], ["top", "--once"], ["get", "odd", "other"]):
        said = botsession(*command)
        assert said.exit_code == 0
        assert {"odd", "other"} <= {line.split(" ")[0] for line in said.stdout.splitlines()}


def test_extend_says_what_it_did_where_the_start_cannot_be_read(server: ApiServer, botsession: Botsession) -> None:
    session = live()
    session["status"]["startedAt"] = "1969-12-31T10:00:00Z"
    server.add(session)
    assert "may last" in botsession("extend", "support-42", "+10m").stdout


def test_describe_does_without_events_that_may_not_be_read(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(OVER))
    server.answers["/api/v1/namespaces/bots/events"] = HTTPStatus.FORBIDDEN
    assert "MaxDuration / Drained" in botsession("describe", "support-42").stdout


def test_why_is_one_line_in_a_pipe(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(BROKEN))
    (line,) = botsession("why", "support-42").stdout.splitlines()
    assert "The report says: no key." in line


def test_end_asks_for_the_end(server: ApiServer, botsession: Botsession) -> None:
    server.add(live())
    assert botsession("end", "support-42").stdout == "support-42 was asked to end gracefully.\n"
    assert patches(server) == [{"metadata": {"uid": UID}, "spec": {"end": "Graceful"}}]


def test_end_of_what_has_ended_changes_nothing(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(OVER))
    assert "has already ended" in botsession("end", "support-42").stdout
    assert patches(server) == []


@pytest.mark.parametrize(("status", "code"), [(OVER, Exit.OK), (BROKEN, Exit.FAILED)])
def test_end_that_waits_exits_as_the_session_did(
    status: Any, code: Exit, server: ApiServer, botsession: Botsession
) -> None:
    server.add(live())
    server.changes = [[stored(status)]]
    result = botsession("end", "support-42", "--wait")
    assert result.exit_code == code
    assert status.finish.reason is Reason.MAX_DURATION or "an error in its bot" in result.stdout


def test_extend_adds_to_the_length_of_the_version_that_was_read(server: ApiServer, botsession: Botsession) -> None:
    server.add(live())
    assert "support-42 may last 40m" in botsession("extend", "support-42", "+10m").stdout
    assert patches(server) == [
        {"metadata": {"resourceVersion": "1", "uid": UID}, "spec": {"maxSessionDuration": "40m"}}
    ]


def test_extend_takes_away(server: ApiServer, botsession: Botsession) -> None:
    server.add(live())
    assert botsession("extend", "support-42", "-5m").exit_code == Exit.OK
    assert patches(server)[0]["spec"] == {"maxSessionDuration": "25m"}


def test_extend_comes_too_late_for_what_has_ended(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(OVER))
    result = botsession("extend", "support-42", "+10m")
    assert (result.exit_code, patches(server)) == (Exit.REFUSED, [])
    assert result.stderr == "botsession: support-42 has ended: its length cannot change any more\n"


def test_logs_are_the_bots_containers(server: ApiServer, botsession: Botsession) -> None:
    server.add(live())
    server.answers["/api/v1/namespaces/bots/pods/support-42-pod/log"] = "one\ntwo\n"
    assert botsession("logs", "support-42", "--tail", "2", "--since", "5m").stdout == "one\ntwo\n"
    assert server.requests[-1][2] == {"container": "bot", "tailLines": "2", "sinceSeconds": "300"}


def test_log_that_went_with_its_pod_says_what_would_have_kept_it(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored(OVER))
    result = botsession("logs", "support-42")
    assert result.exit_code == Exit.NOT_FOUND
    assert "podRetention was Never; OnFailure or Always keeps the pod" in result.stderr


def test_log_of_a_session_without_a_pod_says_so(server: ApiServer, botsession: Botsession) -> None:
    server.add(stored())
    assert "support-42 has no pod yet" in botsession("logs", "support-42").stderr


def test_top_has_the_one_that_ends_first_on_top_and_counts_the_others(
    server: ApiServer, botsession: Botsession
) -> None:
    for session in (live("later", 20), live("sooner", 0.5), stored(OVER, "over")):
        server.add(session)
    shown = botsession("top", "--once").stdout
    assert [line.split()[0] for line in shown.splitlines()] == ["NAME", "sooner", "later"]


@pytest.mark.parametrize(
    ("code", "said", "exits"),
    [
        pytest.param(HTTPStatus.UNAUTHORIZED, "Unauthorized", Exit.FORBIDDEN, id="nobody knows you"),
        pytest.param(HTTPStatus.FORBIDDEN, "User may not list", Exit.FORBIDDEN, id="you may not"),
        pytest.param(HTTPStatus.NOT_FOUND, "404 page not found", Exit.UNREACHABLE, id="no BotSessions there"),
        pytest.param(HTTPStatus.CONFLICT, "has been modified", Exit.REFUSED, id="somebody was faster"),
        pytest.param(HTTPStatus.UNPROCESSABLE_ENTITY, "is invalid", Exit.REFUSED, id="not acceptable"),
        pytest.param(HTTPStatus.SERVICE_UNAVAILABLE, "etcd is down", Exit.UNREACHABLE, id="server in trouble"),
    ],
)
def test_refusal_is_one_sentence_and_a_code(
    code: HTTPStatus, said: str, exits: Exit, server: ApiServer, botsession: Botsession
) -> None:
    server.refusal = (code, said)
    result = botsession("list")
    assert (result.exit_code, result.stdout) == (exits, "")
    assert result.stderr.startswith("botsession: ")
    assert result.stderr.count("\n") == 1


def test_session_that_is_not_there_is_not_found(botsession: Botsession) -> None:
    for command in (["get"], ["describe"], ["why"], ["logs"], ["end"], ["extend"]):
        result = botsession(*command, "nix", *(["+1m"] if command == ["extend"] else []))
        assert result.exit_code == Exit.NOT_FOUND
        assert '"nix" not found' in result.stderr


def test_status_of_a_newer_operator_is_refused_where_it_is_not_understood(
    server: ApiServer, botsession: Botsession
) -> None:
    session = stored(OVER)
    session["status"]["finish"]["reason"] = "Abducted"
    server.add(session)
    result = botsession("why", "support-42")
    assert result.exit_code == Exit.REFUSED
    assert "older than the cluster's operator" in result.stderr
    assert "Abducted" in botsession("list").stdout


def test_names_are_completed_from_the_cluster(server: ApiServer, botsession: Botsession) -> None:
    for name in ("support-42", "support-43", "sales-1"):
        server.add(stored(OVER, name))
    typed = {"_BOTSESSION_COMPLETE": "complete_bash", "COMP_WORDS": "botsession why sup", "COMP_CWORD": "2"}
    assert botsession(**typed).stdout.split() == ["support-42", "support-43"]


def test_completion_says_nothing_where_the_cluster_does_not_answer(botsession: Botsession) -> None:
    typed = {"_BOTSESSION_COMPLETE": "complete_bash", "COMP_WORDS": "botsession why sup", "COMP_CWORD": "2"}
    assert botsession(**typed, KUBECONFIG="/nowhere").output.strip() == ""


def test_kubectl_is_answered_with_a_line_for_each_completion(
    server: ApiServer, kubeconfig_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add(stored(OVER))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig_file))
    for name in (VARIABLE, "COMP_WORDS", "COMP_CWORD"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("sys.argv", ["kubectl_complete-botsession", "why", ""])
    complete_for_kubectl()
    assert capsys.readouterr().out.split() == ["support-42", ":4"]
