"""Properties are tried with the same examples in each run, and however long one takes: the machine may stand still."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def logging_of_its_own() -> Iterator[None]:
    """Undo what a program under test has set for all logs of the process: other tests read theirs."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
