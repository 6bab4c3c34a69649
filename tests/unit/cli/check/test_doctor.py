"""`botsession doctor` and the look into an image: what is found, and what is said of it."""

import json
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from botsession_operator.api.admission import session_schema
from botsession_operator.cli.check import doctor, engine
from botsession_operator.cli.check.doctor import IMAGE_VOLUMES_SINCE, RIGHTS
from botsession_operator.cli.check.findings import Verdict
from botsession_operator.cli.cli_error import Exit
from tests.apiserver import ApiServer
from tests.unit.cli.conftest import Botsession

Json = dict[str, Any]
CRD = doctor.CRD.text
POLICIES = doctor.POLICIES.text.partition("?")[0]
DEPLOYMENTS = "/apis/apps/v1/deployments"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
OPERATOR: Json = {
    "metadata": {"name": "op", "namespace": "system", "labels": {"app.kubernetes.io/version": "0.1.0"}},
    "spec": {"replicas": 1},
    "status": {"readyReplicas": 1},
}
SEEN: Json = {
    "interpreter": "/app/.venv/bin/python",
    "python": [3, 12, 1],
    "folder": "/app",
    "target": True,
    "packages": {"pipecat-ai": "1.14.0", "aiohttp": "3.12.0", "loguru": "0.7.2"},
}


def definition(**version: Any) -> Json:
    return {
        "spec": {
            "versions": [
                {"name": "v1alpha1", "served": True, "schema": {"openAPIV3Schema": session_schema()}} | version
            ]
        }
    }


@pytest.fixture
def well(server: ApiServer) -> ApiServer:
    """Have everything as it should be."""
    server.answers |= {
        "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
        CRD: definition(),
        DEPLOYMENTS: {"items": [OPERATOR]},
        POLICIES: {"items": [{}]},
        REVIEWS: {"status": {"allowed": True}},
    }
    return server


def test_cluster_that_is_well_has_nothing_but_oks(well: ApiServer, botsession: Botsession) -> None:
    result = botsession("doctor")
    assert result.exit_code == Exit.OK
    assert {line.split()[0] for line in result.stdout.splitlines()} == {Verdict.OK}
    assert sum(path == REVIEWS for _, path, *_ in well.requests) == len(RIGHTS)


@pytest.mark.parametrize(
    ("path", "answer", "sentence"),
    [
        pytest.param(
            "/version",
            {"major": "1", "minor": "30+", "gitVersion": "v1.30.1"},
            "Kubernetes v1.30.1 at",
            id="an old cluster",
        ),
        pytest.param(
            CRD,
            {"spec": {"versions": [{"name": "v1", "served": True}]}},
            "serves BotSession v1, not",
            id="another version",
        ),
        pytest.param(DEPLOYMENTS, {"items": []}, "No operator is installed", id="no operator"),
        pytest.param(
            DEPLOYMENTS, {"items": [OPERATOR | {"status": {}}]}, "is not ready", id="an operator that crashes"
        ),
        pytest.param(
            DEPLOYMENTS,
            {"items": [OPERATOR | {"spec": {"replicas": 0}, "status": {}}]},
            "is scaled to 0 replicas",
            id="an operator that is off",
        ),
    ],
)
def test_what_keeps_sessions_from_working_fails_with_a_remedy(
    path: str, answer: Json, sentence: str, well: ApiServer, botsession: Botsession
) -> None:
    well.answers[path] = answer
    result = botsession("doctor")
    assert result.exit_code == Exit.FAILED
    lines = result.stdout.splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith(Verdict.FAIL))
    assert sentence in lines[at]
    assert at + 1 == len(lines) or lines[at + 1].startswith("      ")


def test_cluster_without_botsessions_is_told_apart(well: ApiServer, botsession: Botsession) -> None:
    del well.answers[CRD]
    assert "The cluster has no BotSession resource." in botsession("doctor").stdout


def test_cluster_with_other_fields_works_and_is_warned_of(well: ApiServer, botsession: Botsession) -> None:
    well.answers[CRD] = definition(schema={"openAPIV3Schema": {"properties": {"spec": {}}}})
    result = botsession("doctor")
    assert result.exit_code == Exit.OK
    assert "have different fields" in result.stdout


def test_right_that_is_missing_is_named_with_what_needs_it(well: ApiServer, botsession: Botsession) -> None:
    well.answers[REVIEWS] = {"status": {"allowed": False}}
    result = botsession("doctor")
    assert result.exit_code == Exit.OK
    assert "You may not patch botsessions in bots, which end, extend needs." in result.stdout


def test_what_may_not_be_looked_at_is_not_called_broken(well: ApiServer, botsession: Botsession) -> None:
    well.answers |= {CRD: HTTPStatus.FORBIDDEN, DEPLOYMENTS: HTTPStatus.FORBIDDEN, POLICIES: HTTPStatus.FORBIDDEN}
    result = botsession("doctor")
    assert result.exit_code == Exit.OK
    assert result.stdout.count("Not checked: ") == 3


def test_no_cluster_is_the_only_finding_there_is(botsession: Botsession) -> None:
    result = botsession("doctor", "--context", "nowhere")
    assert result.exit_code == Exit.FAILED
    assert "No cluster: there is no context nowhere; known: here" in result.stdout


def test_doctor_and_operator_agree_since_when_there_are_image_volumes() -> None:
    from botsession_operator.effects import kubernetes

    assert IMAGE_VOLUMES_SINCE == kubernetes.IMAGE_VOLUMES_SINCE


def test_version_with_a_plus_is_read() -> None:
    assert doctor.number({"major": "1", "minor": "33+"}) == (1, 33)


def verdicts(changes: Json) -> list[str]:
    return [f"{each.verdict} {each.fact}" for each in engine.judge(SEEN | changes, "bot.py")]


def test_image_that_has_all_is_fine() -> None:
    assert [each.split()[0] for each in verdicts({})] == [Verdict.OK] * 5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"lacks": "python3 has no pipecat"}, "fail No interpreter of the image", id="no interpreter"),
        pytest.param({"python": [3, 10, 4]}, "fail Python 3.10.4 is too old.", id="old Python"),
        pytest.param({"target": False}, "fail There is no bot.py in /app", id="no bot"),
        pytest.param(
            {"packages": SEEN["packages"] | {"pipecat-ai": "1.2.9"}},
            "fail pipecat-ai 1.2.9 is too old.",
            id="old Pipecat",
        ),
        pytest.param(
            {"packages": SEEN["packages"] | {"pipecat-ai": None}},
            "fail This interpreter has no pipecat-ai",
            id="no Pipecat",
        ),
        pytest.param({"packages": SEEN["packages"] | {"loguru": None}}, "fail The image has no loguru", id="no loguru"),
    ],
)
def test_image_that_lacks_something_fails(changes: Json, sentence: str) -> None:
    assert [each for each in verdicts(changes) if each.startswith(sentence)]


def test_image_is_not_looked_at_where_nothing_can_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    (finding,) = engine.inspect_image("bot:1", "bot.py", "python3")
    assert finding.verdict is Verdict.WARN
    assert "this machine has neither docker nor podman" in finding.fact


def test_image_whose_name_looks_like_an_option_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tmp_path / "asked"
    (tmp_path / "docker").write_text(f'#!/bin/sh\necho "$@" >> {asked}\n[ "$1" = image ]\n')
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    list(engine.inspect_image("--privileged", "bot.py", "python3"))

    inspected, ran = (
        line.split(" -- ") for line in asked.read_text().splitlines() if line.startswith(("image", "run"))
    )
    assert (inspected[1], ran[1].split()[0]) == ("--privileged", "--privileged")


def test_image_is_searched_as_the_supervisor_searches_it(tmp_path: Path) -> None:
    orders = json.dumps({"python": "python3", "target": "nix.py"})
    command = [sys.executable, "-c", engine.probe(), orders, engine.probe()]
    looked = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    seen = json.loads(looked.stdout)
    assert (seen["interpreter"], seen["folder"], seen["target"]) == (sys.executable, str(tmp_path), False)
    assert engine.judge(seen, "nix.py")


def test_interpreter_that_cannot_run_a_bot_is_told_of_in_the_supervisors_words() -> None:
    orders = json.dumps({"python": "/usr/bin/own", "target": "bot.py"})
    command = [sys.executable, "-I", "-S", "-c", engine.probe(), orders, engine.probe()]
    looked = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(looked.stdout) == {"lacks": "/usr/bin/own, which spec.bot.python names, has no pipecat"}
