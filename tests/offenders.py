"""A rule that holds for many things is one test, which names all that break it."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def assert_none(offenders: Iterable[object]) -> None:
    """Fail with all offenders, one a line."""
    found = [str(each) for each in offenders]
    assert not found, "\n".join([f"{len(found)} break the rule:", *found])


def failures(items: Iterable[T], check: Callable[[T], object], name: Callable[[T], str] = str) -> Iterator[str]:
    """Yield each item that its check raises an exception for, by its name, and what the exception says."""
    for item in items:
        try:
            check(item)
        except Exception as exc:  # noqa: BLE001  # whatever it is, the item is named, and the next ones are looked at
            yield f"{name(item)}: {type(exc).__name__}: {exc}"
