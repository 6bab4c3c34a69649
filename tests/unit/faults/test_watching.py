"""What a watch has shown of a session counts, though it be past when somebody looks."""

from tests.e2e.world import History, Session


def test_state_that_did_not_last_is_seen() -> None:
    history = History()
    for phase in ("Running", "Ending", "Succeeded"):
        history.add("MODIFIED", {"status": {"phase": phase}})
    Session("default", "brief", history).eventually(within=0, phase="Ending")
