import pytest

from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.end_sessions import changed, ending


@pytest.mark.parametrize(("change", "minutes"), [("+10m", 40), ("-5m", 25), ("30m", 30), ("1h30m", 90), ("+90s", 31.5)])
def test_extension_adds_takes_away_or_sets(change: str, minutes: float) -> None:
    assert changed("30m", change).total_seconds() == minutes * 60


@pytest.mark.parametrize("change", ["", "+", "-", "10", "++5m", "5 minutes", "-30m", "-1h", "0s"])
def test_extension_that_leaves_nothing_or_says_nothing_is_refused(change: str) -> None:
    with pytest.raises(CliError, match=r"leaves no time|is not a change") as raised:
        changed("30m", change)
    assert raised.value.code is Exit.REFUSED


def test_farewell_of_one_end_wins_over_all_that_the_spec_has() -> None:
    assert ending(now=False, farewell="Bye") == {
        "spec": {"end": "Graceful", "shutdown": {"overrides": {"endRequested": {"farewell": "Bye"}}}}
    }


def test_end_at_once_is_immediate() -> None:
    assert ending(now=True, farewell=None) == {"spec": {"end": "Immediate"}}
