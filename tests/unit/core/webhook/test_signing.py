"""Rule: what messages to a webhook are signed with."""

import pytest

from botsession_operator.core.webhook.signing import SigningError, signing_secrets

SECRET, OLDER = "whsec_" + "A" * 32, "whsec_" + "B" * 64


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        pytest.param(SECRET, (SECRET,), id="one"),
        pytest.param(f"{SECRET} {OLDER}\n", (SECRET, OLDER), id="two, the newer one first"),
        pytest.param(f"\n{SECRET}\n\n{OLDER}", (SECRET, OLDER), id="one a line"),
    ],
)
def test_what_a_file_may_hold(text: str, secrets: tuple[str, ...]) -> None:
    assert signing_secrets(text) == secrets


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("whsec_", id="an empty one"),
        pytest.param("whsec_!" * 6, id="no base64"),
        pytest.param("A" * 32, id="without its prefix"),
        pytest.param("whsec_" + "A" * 28, id="too short"),
        pytest.param("whsec_" + "A" * 88, id="too long"),
        pytest.param(f"{SECRET} hunter2", id="one that is none"),
    ],
)
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(SigningError, match="must hold whsec_ and the base64 of 24 to 64 random bytes"):
        signing_secrets(text)
