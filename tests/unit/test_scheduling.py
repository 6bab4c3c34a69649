"""The order in which processes run tests: none waits for the cluster while it could compute."""

import pytest

from tests.docs.blocks import ROOT
from tests.scheduling import ALONE, BY_FILE, CLUSTER, LAST, LINT, group_of, next_group

WAITS = "tests/e2e/test_start.py::test_x"
LINTS = "tests/lint/test_lint.py::test_x[mypy]"
COMPUTES = "tests/component/runtime/test_endings.py::test_x"


@pytest.mark.parametrize(
    ("test_id", "group"),
    [
        ("tests/e2e/alone/test_drain.py::test_x", ALONE),
        ("tests/e2e/alone/test_modes.py::test_x[a::b]", ALONE),
        ("tests/e2e/alone/test_rights.py::test_x", LAST),
        (WAITS, WAITS),
        ("tests/e2e/test_cli.py::test_x[a]", "tests/e2e/test_cli.py"),
        ("tests/docs/test_site.py::test_x", "tests/docs/test_site.py"),
        (COMPUTES, COMPUTES),
    ],
)
def test_tests_of_a_group_run_in_one_process(test_id: str, group: str) -> None:
    assert group_of(test_id) == group


@pytest.mark.parametrize(
    ("waiting", "process", "is_one_alone", "chosen"),
    [
        pytest.param([COMPUTES, WAITS, ALONE, LAST], 1, False, ALONE, id="what can only run one by one comes first"),
        pytest.param([WAITS, COMPUTES, LINTS, LAST], 0, False, LINTS, id="lint comes early, since mypy takes long"),
        pytest.param([WAITS, COMPUTES, LAST], 0, True, COMPUTES, id="one computes while another one is alone"),
        pytest.param([WAITS, COMPUTES, LAST], 0, False, WAITS, id="one takes the cluster's tests"),
        pytest.param([WAITS, COMPUTES, LAST], 1, False, COMPUTES, id="the next one computes"),
        pytest.param([WAITS, LAST], 1, False, WAITS, id="none idles when nothing is left to compute"),
        pytest.param([COMPUTES, LAST], 0, False, COMPUTES, id="none idles when the cluster's tests are taken"),
        pytest.param([LAST], 0, False, LAST, id="the tests of the whole run come last"),
    ],
)
def test_a_process_takes_what_it_need_not_wait_for(
    waiting: list[str], process: int, is_one_alone: bool, chosen: str
) -> None:
    assert next_group(waiting, process, is_one_alone=is_one_alone) == chosen


def test_files_that_are_named_are_there() -> None:
    assert [
        path for path in (*BY_FILE, CLUSTER, LINT, "tests/e2e/alone/test_rights.py") if not (ROOT / path).exists()
    ] == []
