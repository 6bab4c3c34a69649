"""A sample of the fault table (tests/faults), window by window; `python -m tests.faults` plays all of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import subject, table
from tests.faults.proxy import Proxy
from tests.faults.window import play, windows

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def proxy(kubeconfig: Path) -> Iterator[Proxy]:
    """Lead the installed operator to the proxy, and back afterwards. No cause of the sample breaks its node."""
    with subject.subject(subject.ON_WORKER) as proxy:
        yield proxy


def name_of(window: tuple[table.Cell, ...]) -> str:
    """Name a window by its cause, or by its number of cells where it has several."""
    causes = {cell.cause.name for cell in window}
    return causes.pop() if len(causes) == 1 else f"{len(causes)} causes"


@pytest.mark.parametrize("window", list(windows(table.sample())), ids=name_of)
def test_sessions_end_once_and_leave_nothing(window: tuple[table.Cell, ...], proxy: Proxy) -> None:
    rows = play(window, proxy)
    assert [row for row in rows if row.wrong or row.missed] == []
