import pytest

from tests.offenders import assert_none, failures


def test_all_that_break_a_rule_are_named() -> None:
    with pytest.raises(AssertionError, match=r"2 break the rule:\na: ValueError: .*\nb: ValueError: .*"):
        assert_none(failures(["1", "a", "2", "b"], int))


def test_where_nothing_breaks_a_rule_nothing_is_said() -> None:
    assert_none(failures(["1", "2"], int))
