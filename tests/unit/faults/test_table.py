"""The fault table is whole: each cause can be struck, each ending is one that exists, the sample is of the table."""

import json

from botsession_contract.lifecycle import Outcome, Reason
from tests.faults import causes, page, table
from tests.faults.window import TOGETHER, windows
from tests.offenders import assert_none

ENDINGS = {f"{reason}/{outcome}" for reason in Reason for outcome in Outcome}


def test_cells_allow_only_endings_that_exist() -> None:
    assert_none(f"{cell.name}: {ending}" for cell in table.cells() for ending in cell.allowed if ending not in ENDINGS)


def test_each_cause_can_be_struck() -> None:
    assert_none(cause.name for cause in table.causes().values() if not can_be_struck(cause))


def can_be_struck(cause: table.Cause) -> bool:
    if cause.strikes == "session":
        return cause.name in causes.SESSION or bool(cause.fault)
    return cause.name in causes.CLUSTER


def test_other_endings_than_without_the_fault_are_explained() -> None:
    assert_none(
        f"{cell.name} needs a why"
        for cell in table.cells()
        if set(cell.allowed) - set(cell.moment.ends) and not cell.cause.why
    )


def test_causes_strike_in_moments_that_exist() -> None:
    assert_none(
        cause.name
        for cause in table.causes().values()
        if not set(cause.ends) <= set(cause.moments) <= set(table.moments())
    )


def test_sample_is_small_and_has_each_moment() -> None:
    sample = table.sample()
    assert 8 <= len(sample) <= 12
    assert {cell.moment.name for cell in sample} == set(table.moments()) - {"starting"}


def test_no_cause_of_the_sample_breaks_the_node_that_the_operator_runs_on() -> None:
    assert_none(cell.name for cell in table.sample() if cell.cause.name.startswith(("node-", "cut-off-")))


def test_windows_hold_all_cells_and_no_two_causes_that_strike_the_cluster() -> None:
    played = list(windows(table.cells()))
    assert sorted(cell.name for window in played for cell in window) == sorted(cell.name for cell in table.cells())
    for window in played:
        assert len(window) <= TOGETHER
        assert len({cell.cause.name for cell in window}) == 1 or {cell.cause.strikes for cell in window} == {"session"}


def test_results_that_are_kept_are_right() -> None:
    kept = json.loads(page.RESULTS.read_text("utf-8"))
    results = [(cell, kept[cell.name]) for cell in table.cells() if cell.name in kept]
    assert_none(
        f"{cell.name}: {result}"
        for cell, result in results
        if result["ending"] not in cell.allowed or result["wrong"] != []
    )
