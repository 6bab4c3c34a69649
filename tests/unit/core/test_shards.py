"""Each namespace has exactly one owner, the same one in every process, and the shards are of about one size."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botsession_operator.core.shards import Shard, shard_of

NAMESPACES = st.from_regex(r"\A[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?\Z")
COUNTS = st.integers(1, 16)
FAMILY = "botsession-operator"


@given(NAMESPACES, COUNTS)
def test_each_namespace_has_exactly_one_owner(namespace: str, count: int) -> None:
    owners = [index for index in range(count) if Shard(index, count).owns(namespace)]
    assert owners == [shard_of(namespace, count)]


@given(NAMESPACES, COUNTS)
def test_one_shard_more_moves_a_namespace_to_itself_or_not_at_all(namespace: str, count: int) -> None:
    assert shard_of(namespace, count + 1) in (shard_of(namespace, count), count)


@pytest.mark.parametrize(
    ("namespace", "owners"),
    [("default", (0, 1, 1, 1)), ("bots", (0, 1, 2, 2)), ("tenant-1", (0, 1, 1, 1)), ("tenant-2", (0, 0, 2, 2))],
)
def test_the_owner_never_changes(namespace: str, owners: tuple[int, ...]) -> None:
    """Two versions of the operator that disagree would both own a session, or neither would."""
    assert tuple(shard_of(namespace, count) for count in range(1, 5)) == owners


@pytest.mark.parametrize("count", [2, 3, 4, 8])
@pytest.mark.parametrize("name", ["tenant-{}".format, "team-{:03d}".format, "{}-voice".format])
def test_namespaces_that_differ_by_a_number_only_are_spread(name: Callable[[int], str], count: int) -> None:
    sizes = Counter(shard_of(name(number), count) for number in range(1000))

    assert len(sizes) == count
    assert max(sizes.values()) < 1.3 * 1000 / count


@given(COUNTS, st.integers(1024, 60000), st.integers(16, 2000))
def test_shards_share_the_ports_of_nodes_without_overlap(count: int, first: int, number: int) -> None:
    ports = range(first, first + number)
    shares = [Shard(index, count).share_of(ports) for index in range(count)]

    assert sorted(port for share in shares for port in share) == list(ports)


def test_one_shard_has_the_lease_that_it_always_had() -> None:
    assert Shard().lease_name(FAMILY) == FAMILY
    assert Shard(1, 3).lease_name(FAMILY) == f"{FAMILY}-shard-1-of-3"


@given(COUNTS, COUNTS, st.data())
def test_operators_are_rivals_if_they_were_told_different_numbers_of_shards(
    one: int, other: int, data: st.DataObject
) -> None:
    mine = Shard(data.draw(st.integers(0, one - 1)), one)
    theirs = Shard(data.draw(st.integers(0, other - 1)), other)

    assert mine.is_rival_lease(theirs.lease_name(FAMILY), FAMILY) == (one != other)


@pytest.mark.parametrize("name", ["botsession-operatorx", "my-botsession-operator", f"{FAMILY}-shard-0-of-2-x", "x"])
def test_leases_of_other_programs_are_no_rivals(name: str) -> None:
    assert not Shard().is_rival_lease(name, FAMILY)
