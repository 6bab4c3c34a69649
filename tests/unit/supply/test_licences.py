"""What is handed out may be handed on: each package of a program has an allowed licence."""

import pytest

from hack.supply.licences import ALLOWED, PROGRAMS, is_allowed, licence_of
from hack.supply.locks import ROOT, pins
from tests.offenders import assert_none

PACKAGES = sorted({pin.name for name in PROGRAMS for pin in pins(ROOT / f"requirements/{name}.txt")})


def test_packages_that_are_handed_out_have_an_allowed_licence() -> None:
    assert len(PACKAGES) > 10
    assert_none(
        f"{package}: {licence_of(package)} is not among {', '.join(sorted(ALLOWED))}"
        for package in PACKAGES
        if not is_allowed(licence_of(package))
    )


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("(MIT OR GPL-3.0-only) AND AGPL-3.0-only", False),
    ],
)
def test_of_several_licences_each_counts_and_of_a_choice_the_best(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed


def test_a_package_that_names_no_licence_is_to_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hack.supply.licences._READ", {})
    with pytest.raises(LookupError, match="prompt-toolkit names no licence"):
        licence_of("prompt-toolkit")
