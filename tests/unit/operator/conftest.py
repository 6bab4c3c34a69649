"""The operator's loop may not be blocked: a blocking call in its code fails the test."""

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.fakes import World


@pytest.fixture(autouse=True)
def unblocked() -> Iterator[None]:
    with blockbuster_ctx():
        yield


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """Keep what is logged from the terminal, where structlog would read source files to show a traceback."""
    with capture_logs() as logs:
        yield logs


@pytest.fixture
def world() -> World:
    return World()
