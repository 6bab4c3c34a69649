"""Runs some of these tests with each Pipecat: the supervisor and the bot are then on that version's interpreter."""

import pytest

from tests import supervision
from tests.pipecats import NEWEST, ROOT, VERSIONS, interpreter

#: For these versions, where the table of what holds is not being written: it is of Pipecat with all its packages.
WITH_STAND_INS = tuple(version for version in VERSIONS if version.startswith(("1.3.", "1.7.")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("every_pipecat"):
        older = [pytest.param(version, marks=pytest.mark.old_pipecat) for version in VERSIONS[:-1]]
        metafunc.parametrize("pipecat", [NEWEST, *older], indirect=True)


@pytest.fixture(autouse=True)
def pipecat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the version that sessions run on."""
    version: str = getattr(request, "param", NEWEST)
    monkeypatch.setattr(supervision, "PYTHON", interpreter(version))
    if version in WITH_STAND_INS and not request.config.option.record_support:
        monkeypatch.setattr(supervision, "PYTHONPATH", (*supervision.PYTHONPATH, ROOT / "tests" / "stand_ins"))
    return version
