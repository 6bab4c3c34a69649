"""An old operator and a new runtime, and the reverse: golden/ is the version before, golden/v-next one to come.

A pod outlives the operator that made it, and an image may contain a newer runtime. What a reader does not know it keeps
as `Unknown`, with the word; what somebody is asked to do and does not know, they refuse.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from botsession_contract.control import EndRequest, snapshot_from_bytes
from botsession_contract.json_codec import PayloadError, Unknown, decode, encode
from botsession_contract.lifecycle import BotState, Cause, Farewell, Mode, Outcome, Reason, Step
from botsession_contract.report import from_bytes, to_bytes
from botsession_operator.api.status import ConditionType
from botsession_operator.core.observe.parse import parse_session
from tests.builders import raw_session
from tests.crd import status_problems

GOLDEN: Final = Path(__file__).parent / "golden"
NEXT: Final = GOLDEN / "v-next"


def known_of_the_version_before(kind: str) -> list[str]:
    return sorted(path.name for path in GOLDEN.glob(f"{kind}-*.json"))


@pytest.mark.parametrize("name", known_of_the_version_before("report"))
def test_a_report_of_the_version_before_is_read_whole(name: str) -> None:
    raw = (GOLDEN / name).read_text()
    assert encode(from_bytes(raw)) == json.loads(raw)


@pytest.mark.parametrize("name", known_of_the_version_before("snapshot"))
def test_a_snapshot_of_the_version_before_is_read_whole(name: str) -> None:
    raw = (GOLDEN / name).read_bytes()
    assert encode(snapshot_from_bytes(raw)) == json.loads(raw)


@pytest.mark.parametrize("name", known_of_the_version_before("end-request"))
def test_a_request_of_the_version_before_is_obeyed(name: str) -> None:
    request = json.loads((GOLDEN / name).read_text())
    assert encode(decode(EndRequest, request, unknown=Unknown.REFUSE)).items() >= request.items()


def test_a_report_of_a_version_to_come_is_a_report() -> None:
    report = from_bytes((NEXT / "report.json").read_bytes())

    assert (report.reason, report.outcome, report.exit_code) == (Reason.UNKNOWN, Outcome.UNKNOWN, 0)
    assert report.ending
    assert (report.ending.cause, report.ending.mode) == (Cause.UNKNOWN, Mode.GRACEFUL)
    assert (report.ending.farewell, report.ending.steps[-1].step) == (Farewell.UNKNOWN, Step.UNKNOWN)
    assert report.message
    for word in ("reason Rebalanced", "outcome Evaporated", "ending.cause Moved", "ending.farewell Sung", "step Ask"):
        assert word in report.message


def test_what_was_read_of_a_version_to_come_can_be_written_and_read_again() -> None:
    report = from_bytes((NEXT / "report.json").read_bytes())
    assert from_bytes(to_bytes(report)) == report


@pytest.mark.parametrize(
    ("name", "state"), [("snapshot.json", BotState.UNKNOWN), ("snapshot-running.json", BotState.UNKNOWN)]
)
def test_a_snapshot_of_a_version_to_come_is_no_silence(name: str, state: BotState) -> None:
    assert snapshot_from_bytes((NEXT / name).read_bytes()).state is state


def test_an_ending_of_a_version_to_come_has_its_words_in_a_note() -> None:
    ending = snapshot_from_bytes((NEXT / "snapshot.json").read_bytes()).ending
    assert ending
    assert ending.note
    assert "ending.cause Moved" in ending.note


@pytest.mark.parametrize("path", sorted(NEXT.glob("end-request*.json")), ids=lambda path: path.stem)
def test_a_request_of_a_version_to_come_is_refused_with_what_is_known(path: Path) -> None:
    with pytest.raises(PayloadError, match=r"known are|must be one of (?!.*Unknown)"):
        decode(EndRequest, json.loads(path.read_text()), unknown=Unknown.REFUSE)


def test_a_session_that_a_later_operator_has_finished_is_readable_and_finished() -> None:
    status: Any = json.loads((NEXT / "status.json").read_text())
    session = parse_session({**raw_session(), "status": status})

    assert session.is_finished
    assert session.status
    assert [each.type for each in session.status.conditions] == [ConditionType.FINISHED]
    assert status_problems(encode(session.status)) == []
