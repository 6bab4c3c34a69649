"""Runs some of these tests with each Pipecat: the supervisor and the bot are then on that version's interpreter."""

import pytest

from tests import supervision
from tests.pipecats import NEWEST, VERSIONS, interpreter


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("every_pipecat"):
        older = [pytest.param(version, marks=pytest.mark.old_pipecat) for version in VERSIONS[:-1]]
        metafunc.parametrize("pipecat", [NEWEST, *older], indirect=True)


@pytest.fixture(autouse=True)
def pipecat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the version that sessions run on."""
    version: str = getattr(request, "param", NEWEST)
    monkeypatch.setattr(supervision, "PYTHON", interpreter(version))
    return version
