"""The operator's loop may not be blocked: a blocking call in its code fails the test."""

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx

from tests.fakes import World
from tests.log_lines import Line, captured


@pytest.fixture(autouse=True)
def unblocked() -> Iterator[None]:
    with blockbuster_ctx():
        yield


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Line]]:
    """Keep what is logged from the terminal, where a traceback would read source files."""
    with captured() as logs:
        yield logs


@pytest.fixture
def world() -> World:
    return World()
