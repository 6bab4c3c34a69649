"""Admission without an API server: it says what the API server says (see tests/e2e/test_admission.py)."""

import datetime
from typing import Any

import pytest

from botsession_operator.api.admission import admit
from botsession_operator.api.spec import EndNow, EvictionPolicy, PodRetention, RuntimeSource, SpecError, parse_spec
from tests.admission import ADMITTED, REFUSALS
from tests.manifests import Json, Refusal, session


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.id)
def test_a_bad_manifest_is_refused_with_a_sentence(refusal: Refusal) -> None:
    with pytest.raises(SpecError) as refused:
        admit(refusal.manifest)
    expected = f"{refusal.path}: {refusal.sentence}" if refusal.path else refusal.sentence
    assert str(refused.value).startswith(expected)


@pytest.mark.parametrize("manifest", ADMITTED.values(), ids=ADMITTED.keys())
def test_a_good_manifest_parses_once_it_is_admitted(manifest: Json) -> None:
    parse_spec(admit(manifest)["spec"])


def test_the_smallest_session_gets_every_default() -> None:
    assert admit(session())["spec"] == {
        "bot": {"image": "parrot:1", "target": "bot.py", "python": "python3", "runtime": RuntimeSource.INJECTED},
        "maxSessionDuration": "30m",
        "startTimeout": "2m",
        "joinTimeout": "1m",
        "shutdown": {"mode": "Graceful", "gracePeriod": "30s", "cancelPeriod": "10s", "farewell": ""},
        "end": EndNow.NO,
        "eviction": EvictionPolicy.ALLOW,
        "ttlAfterFinished": "1h",
        "podRetention": PodRetention.NEVER,
    }


def test_admitting_twice_changes_nothing() -> None:
    assert admit(admit(session())) == admit(session())


def test_the_given_manifest_is_left_as_it_was() -> None:
    manifest = session(spec__bot__command=None)
    admit(manifest)
    assert manifest == session(spec__bot__command=None)


def test_each_problem_has_its_line() -> None:
    with pytest.raises(SpecError) as refused:
        admit(session(spec__maxSessionDuration="soon", spec__bot__target="bot"))
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [
        "spec.bot.target",
        "spec.maxSessionDuration",
    ]


def test_a_null_in_the_body_is_kept() -> None:
    assert admit(session(spec__bot__body={"a": None}))["spec"]["bot"]["body"] == {"a": None}


def test_a_date_in_the_body_is_its_text() -> None:
    body = {"born": datetime.date(2026, 1, 31)}
    assert admit(session(spec__bot__body=body))["spec"]["bot"]["body"] == {"born": "2026-01-31"}


def test_a_status_is_not_the_users_to_write() -> None:
    assert "status" not in admit(session(status__phase="Running", status__observedGeneration=1))


def test_a_name_is_generated() -> None:
    name = admit(session(metadata={"generateName": "parrot-"}))["metadata"]["name"]
    assert name.startswith("parrot-")
    assert len(name) == len("parrot-") + 5


@pytest.mark.parametrize("manifest", [None, [], "text", {}, {"kind": "Pod", "apiVersion": "v1"}])
def test_what_is_no_session_is_refused(manifest: Any) -> None:
    with pytest.raises(SpecError, match=r"botsession\.dev/v1alpha1|must be an object"):
        admit(manifest)
