"""The fault table is whole: each cause can be struck, each ending is one that exists, the sample is of the table."""

import json

import pytest

from botsession_contract.lifecycle import Outcome, Reason
from tests.faults import causes, page, table
from tests.faults.window import TOGETHER, windows


@pytest.mark.parametrize("cell", table.cells(), ids=lambda cell: cell.name)
def test_cell_allows_only_endings_that_exist(cell: table.Cell) -> None:
    for ending in cell.allowed:
        reason, _, outcome = ending.partition("/")
        assert reason in set(Reason)
        assert outcome in set(Outcome)


@pytest.mark.parametrize("cause", table.causes().values(), ids=lambda cause: cause.name)
def test_cause_can_be_struck(cause: table.Cause) -> None:
    if cause.strikes == "session":
        assert cause.name in causes.SESSION or cause.fault
    else:
        assert cause.name in causes.CLUSTER


@pytest.mark.parametrize("cause", table.causes().values(), ids=lambda cause: cause.name)
def test_other_endings_than_without_the_fault_are_explained(cause: table.Cause) -> None:
    differs = any(set(cell.allowed) - set(cell.moment.ends) for cell in table.cells() if cell.cause is cause)
    assert cause.why or not differs
    assert set(cause.ends) <= set(cause.moments) <= set(table.moments())


def test_sample_is_small_and_has_each_moment() -> None:
    sample = table.sample()
    assert 12 <= len(sample) <= 16
    assert {cell.moment.name for cell in sample} == set(table.moments())


def test_windows_hold_all_cells_and_no_two_causes_that_strike_the_cluster() -> None:
    played = list(windows(table.cells()))
    assert sorted(cell.name for window in played for cell in window) == sorted(cell.name for cell in table.cells())
    for window in played:
        assert len(window) <= TOGETHER
        assert len({cell.cause.name for cell in window}) == 1 or {cell.cause.strikes for cell in window} == {"session"}


@pytest.mark.parametrize("cell", table.cells(), ids=lambda cell: cell.name)
def test_results_that_are_kept_are_right(cell: table.Cell) -> None:
    result = json.loads(page.RESULTS.read_text("utf-8")).get(cell.name)
    assert result is None or (result["ending"] in cell.allowed and result["wrong"] == [])
