"""Rule: what a supervisor is told of an edited spec."""

import json
from typing import Any

import pytest

from botsession_contract.control import LARGEST_BODY_BYTES, SessionPatch, SessionSnapshot
from botsession_contract.conversation import Conversation
from botsession_contract.json_codec import encode
from botsession_contract.lifecycle import BotState, Mode
from botsession_contract.session_limits import SessionLimits
from botsession_contract.shutdown import Overrides, Shutdown
from botsession_operator.core.decide.supervisor_limits import patch_for_supervisor
from tests.builders import observed, pod, session, snapshot, started, with_timeline

PATIENT = Shutdown(grace_period_seconds=60.0)
SILENT = {"firstSoundTimeout": "20s", "shutdown": {"overrides": {"noSound": {"mode": "Immediate"}}}}
TELLING = snapshot(conversation=Conversation(has_audio=True))
OLD = snapshot(limits=None, shutdown=None, overrides=None)


def news(spec: dict[str, Any], control: SessionSnapshot) -> SessionPatch | None:
    return patch_for_supervisor(*with_timeline(observed(session(started(), **spec), pod(), control)))


@pytest.mark.parametrize(
    ("spec", "control", "patch"),
    [
        pytest.param({}, snapshot(), None, id="nothing was edited"),
        pytest.param(
            {"idleTimeout": "5m"}, snapshot(), SessionPatch(limits=SessionLimits(60.0, 300.0)), id="an idle limit"
        ),
        pytest.param(
            {"shutdown": {"gracePeriod": "60s"}}, snapshot(), SessionPatch(shutdown=PATIENT), id="a longer grace"
        ),
        pytest.param(
            {"shutdown": {"overrides": {"evicted": {"farewell": "Bye"}}}},
            snapshot(),
            SessionPatch(overrides=Overrides(evicted=Shutdown(farewell="Bye"))),
            id="an override that is new",
        ),
        pytest.param(
            {},
            snapshot(overrides=Overrides(no_client=PATIENT)),
            SessionPatch(overrides=Overrides()),
            id="an override that was taken out",
        ),
        pytest.param(
            {"shutdown": {"cancelPeriod": "1s", "overrides": {"idleTimeout": {"mode": "Immediate"}}}},
            snapshot(),
            SessionPatch(
                shutdown=Shutdown(cancel_period_seconds=1.0),
                overrides=Overrides(idle_timeout=Shutdown(Mode.IMMEDIATE, cancel_period_seconds=1.0)),
            ),
            id="an override goes by the shutdown around it",
        ),
        pytest.param(
            {"shutdown": {"overrides": {"deleted": {"mode": "Immediate"}}}},
            snapshot(),
            None,
            id="what the operator says with each end",
        ),
        pytest.param(
            {"idleTimeout": "5m", "shutdown": {"mode": "Immediate"}}, OLD, None, id="a runtime that is too old for all"
        ),
        pytest.param({"shutdown": {"mode": "Immediate"}}, snapshot(BotState.ENDING), None, id="it ends already"),
        pytest.param(
            SILENT,
            TELLING,
            SessionPatch(
                limits=SessionLimits(60.0, first_sound_timeout_seconds=20.0),
                overrides=Overrides(no_sound=Shutdown(Mode.IMMEDIATE)),
            ),
            id="a limit of the first sound",
        ),
        pytest.param(SILENT, snapshot(), None, id="a runtime that is too old for it"),
        pytest.param({"firstSoundTimeout": "0s"}, TELLING, None, id="zero is off"),
    ],
)
def test_supervisor_is_told_what_it_does_not_know(
    spec: dict[str, Any], control: SessionSnapshot, patch: SessionPatch | None
) -> None:
    assert news(spec, control) == patch


def test_longest_patch_that_the_crd_allows_is_taken_by_the_endpoint() -> None:
    text = "\N{WAVING HAND SIGN}" * 1000
    overrides = {
        cause: {"farewell": text} for cause in ("maxDuration", "idleTimeout", "noClient", "noSound", "evicted")
    }
    idle = {"frames": ["F" * 128] * 32, "prompt": {"after": "4m", "text": text}}
    patch = news({"idle": idle, "shutdown": {"farewell": text, "overrides": overrides}}, TELLING)

    assert patch is not None
    assert patch.overrides is not None
    assert patch.overrides.no_sound is not None
    assert len(json.dumps(encode(patch))) <= LARGEST_BODY_BYTES
