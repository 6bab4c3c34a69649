import pytest

from tests import slow
from tests.docs.blocks import ROOT


@pytest.mark.parametrize(
    ("test_id", "is_slow"),
    [
        ("tests/component/runtime/test_patterns.py::test_way[x]", True),
        ("tests/component/runtime/test_control.py::test_x", False),
        ("tests/component/runtime/test_endings.py::test_bot_ends_itself[1.14.0-its own CancelFrame]", False),
        ("tests/component/runtime/test_endings.py::test_x", True),
        ("tests/component/test_local_cluster.py::test_x", False),
        ("tests/unit/core/test_spec.py::test_x", False),
    ],
)
def test_make_check_leaves_out_what_takes_long(test_id: str, is_slow: bool) -> None:
    assert (slow.reason(test_id) is not None) is is_slow


def test_what_is_left_out_and_what_is_kept_is_there() -> None:
    assert [path for path in slow.REASONS if not (ROOT / path).exists()] == []
    missing = [each for each in slow.KEPT if not _is_there(*each.partition("::"))]
    assert missing == []


def _is_there(path: str, _: str, test: str) -> bool:
    file = ROOT / path
    return file.exists() and (not test or f"def {test}(" in file.read_text())
