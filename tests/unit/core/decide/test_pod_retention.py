"""Rule: whether a finished session's pod is kept."""

import pytest

from botsession_contract.lifecycle import Phase
from botsession_operator.core.decide.pod_retention import is_kept
from tests.builders import ago, ended, session, status


@pytest.mark.parametrize(
    ("retention", "phase", "kept"),
    [
        ("Never", Phase.SUCCEEDED, False),
        ("Never", Phase.FAILED, False),
        ("OnFailure", Phase.SUCCEEDED, False),
        ("OnFailure", Phase.FAILED, True),
        ("Always", Phase.SUCCEEDED, True),
        ("Always", Phase.FAILED, True),
    ],
)
def test_the_spec_says_whether_it_stays(retention: str, phase: Phase, kept: bool) -> None:
    assert is_kept(session(status(phase), podRetention=retention), ended()) is kept


def test_nothing_has_failed_that_is_not_recorded() -> None:
    assert not is_kept(session(podRetention="OnFailure"), ended())


def test_a_session_takes_its_pod_along() -> None:
    assert not is_kept(session(status(Phase.FAILED), podRetention="Always", is_deleting=True), ended())


def test_a_pod_that_is_being_deleted_goes() -> None:
    assert not is_kept(session(status(Phase.FAILED), podRetention="Always"), ended(deletion_requested_by=ago(1)))
