from botsession_operator.cli.keys import pressed


def test_nobody_presses_keys_where_there_is_no_terminal() -> None:
    with pressed() as wait:
        assert wait(0) == ""
