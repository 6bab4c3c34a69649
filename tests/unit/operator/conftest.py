"""The operator's loop may not be blocked: a blocking call in its code fails the test."""

from collections.abc import AsyncIterator, Iterator

import pytest
from blockbuster import blockbuster_ctx

from tests.fakes import World
from tests.log_lines import Line, captured
from tests.polling import Polling


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


@pytest.fixture
async def polling() -> AsyncIterator[Polling]:
    made = Polling()
    yield made
    for question in made.control.open:
        question.answer.cancel()
    await made.poller.close()
