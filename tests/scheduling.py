"""Which tests pytest's processes run next: lint, the cluster's, of which some can only run one by one, and all others.

Those of tests/e2e/alone make one group. It begins at once in one process; the others run what needs no cluster
meanwhile, since a test that shares the operator would wait for all of the group (tests/e2e/operator_lock.py).
"""

from collections.abc import Collection
from typing import Final

ALONE: Final = "tests that have the operator alone"
LAST: Final = "tests of what the operator did in the whole run"
CLUSTER: Final = "tests/e2e/"
#: mypy takes longer than any other test that computes; as the last it would leave the other processes idle.
LINT: Final = "tests/lint/"
#: In these folders and files tests of one file share what takes long to make, or take next to no time.
BY_FILE: Final = (
    "tests/unit/",
    "tests/chart/",
    "tests/docs/",
    "tests/component/test_livekit.py",
    "tests/component/test_programs.py",
    "tests/e2e/test_admission.py",
    "tests/e2e/test_cli.py",
    "tests/e2e/test_cluster_port.py",
    "tests/e2e/test_guardrails.py",
)


def group_of(test_id: str) -> str:
    """Return the name of the group that a test is in; one process runs a group."""
    file = test_id.partition("::")[0]
    if file == "tests/e2e/alone/test_rights.py":
        return LAST
    if file.startswith("tests/e2e/alone/"):
        return ALONE
    return file if file.startswith(BY_FILE) else test_id


def next_group(waiting: Collection[str], process: int, *, is_one_alone: bool) -> str:
    """Return the group that a process runs next; `is_one_alone` while the group of those that are alone is running.

    Every second process prefers the cluster's tests, which mostly wait, and the others those that compute.
    """
    if ALONE in waiting:
        return ALONE
    if lint := next((group for group in waiting if group.startswith(LINT)), None):
        return lint
    shared = [group for group in waiting if group.startswith(CLUSTER)]
    others = [group for group in waiting if not group.startswith(CLUSTER) and group != LAST]
    prefers_cluster = process % 2 == 0 and not is_one_alone
    return next(iter([*shared, *others] if prefers_cluster else [*others, *shared]), LAST)
