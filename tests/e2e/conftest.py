"""The cluster that the e2e tests run on, the operator installed on it by its chart, and a namespace for each test.

Tests in this folder share the operator; one in the folder `alone` has it alone. Both wait for their turn before their
fixtures are made, and let go of it when these are gone (operator_lock.py).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.operator_lock import OPERATOR_LOCK, Access
from tests.e2e.operators import OPERATOR_PODS
from tests.e2e.release import KUBECONFIG, bring_up_cluster, have_operator
from tests.e2e.run_state import RUN
from tests.e2e.world import World, kubectl, make_namespace, wait_until

HERE: Final = Path(__file__).parent
#: The first of those that install the operator: each file begins with what the one before it leaves.
INSTALLERS: Final = tuple(
    HERE / "alone" / f"test_{name}.py" for name in ("key_rotation", "webhooks", "uninstall", "tutorial")
)
#: Seconds in which all that other processes have begun is over.
LONGEST: Final = 900.0


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """Return the way to a live cluster with the operator installed."""
    return KUBECONFIG


@pytest.fixture
def world(kubeconfig: Path) -> Iterator[World]:
    """Return a namespace of its own to a test."""
    world = World(make_namespace("e2e"))
    yield world
    world.close()
    kubectl("delete", "namespace", world.namespace, "--wait=false", "--ignore-not-found")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have tests that share the operator come first, and last those of what it did in the whole run.

    Between them are those that have it alone: first with its usual settings, then with others, so that it is installed
    as rarely as possible.
    """
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[int, ...]:
    place = INSTALLERS.index(item.path) if item.path in INSTALLERS else len(INSTALLERS)
    return _comes_last(item), _access(item) is Access.ALONE, _installs(item), place


def _access(item: pytest.Item) -> Access:
    return Access.ALONE if item.path.is_relative_to(HERE / "alone") else Access.SHARED


def _installs(item: pytest.Item) -> bool:
    """Return whether a test installs the operator itself, with other settings than the usual ones."""
    return item.get_closest_marker("installs_operator") is not None


def _comes_last(item: pytest.Item) -> bool:
    return item.path == HERE / "alone/test_rights.py"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Wait for the operator, and have it as the test expects it."""
    if _comes_last(item):
        others = {each.nodeid for each in item.session.items if _is_here(each) and not _comes_last(each)}
        wait_until(lambda: others <= RUN.over, LONGEST, "done with all other tests of the cluster")
    access = _access(item)
    OPERATOR_LOCK.take(access)
    while not _is_ready(item):
        OPERATOR_LOCK.take(Access.ALONE)
        _make_ready(item)
        OPERATOR_LOCK.take(access)


def _is_here(item: pytest.Item) -> bool:
    return item.path.is_relative_to(HERE)


def _is_ready(item: pytest.Item) -> bool:
    """Return whether this process knows the cluster, and the operator is installed there as the test expects it."""
    return RUN.is_connected and (_installs(item) or RUN.settings == ())


def _make_ready(item: pytest.Item) -> None:
    bring_up_cluster()
    if not _installs(item):
        have_operator()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Let others have the operator, unless the next test has it alone too."""
    try:
        return (yield)
    finally:
        if not (nextitem and _goes_on(item, nextitem)):
            OPERATOR_LOCK.release()
        RUN.note_over(item.nodeid)


def _goes_on(item: pytest.Item, nextitem: pytest.Item) -> bool:
    """Return whether both have the operator alone; the last tests let go of it, for they wait for all others."""
    is_last = _comes_last(nextitem)
    return _is_here(nextitem) and not is_last and _access(item) is _access(nextitem) is Access.ALONE


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the operator's last words to a failure's report."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's result
    if report.when == "call" and report.failed and item.get_closest_marker("cluster"):
        log = kubectl("logs", *OPERATOR_PODS, "--prefix", "--tail=60")
        report.sections.append(("operator log", log.stdout or log.stderr))
