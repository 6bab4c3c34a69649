"""The session's token: derived from the operator's key, checked against a digest."""

from hypothesis import given
from hypothesis import strategies as st

from botsession_contract.credentials import session_token, token_digest, token_matches

KEY = b"k" * 32


def test_token_fits_its_digest_and_no_other() -> None:
    token = session_token(KEY, "uid-1")
    assert token_matches(token, token_digest(token))
    assert not token_matches(token, token_digest(session_token(KEY, "uid-2")))


def test_token_depends_on_the_key() -> None:
    assert session_token(KEY, "uid-1") != session_token(b"x" * 32, "uid-1")


def test_token_is_the_same_after_a_restart_of_the_operator() -> None:
    assert session_token(KEY, "uid-1") == session_token(KEY, "uid-1")


@given(st.text(st.characters(codec="utf-8")))
def test_nothing_presented_matches_by_chance_or_raises(presented: str) -> None:
    assert not token_matches(presented, token_digest(session_token(KEY, "uid")))
