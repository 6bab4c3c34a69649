"""Properties are tried with the same examples in each run, and however long one takes: the machine may stand still."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.examples import examples
from tests.log_lines import restored

settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def logging_of_its_own() -> Iterator[None]:
    """Undo what a program under test has set for all logs of the process: other tests read theirs."""
    with restored():
        yield
