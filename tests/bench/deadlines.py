"""How soon sessions are asked to end when their time is over, while others start and a crowd is live."""

import time
from typing import Final

from botsession_contract.lifecycle import Cause
from tests.bench import crowd, kwok
from tests.bench.harness import Bench, Json, moment

#: Long enough for the session to be known to run before its time is up.
DURATION_SECONDS: Final = 20
#: Sessions that start in a second, and, later, whose time is over in a second.
EACH_SECOND: Final = 10


def deadlines(cluster: Bench, count: int) -> list[float]:
    """Return, for so many sessions, the seconds from the deadline until the supervisor had the order to end."""
    names, before = [f"deadline-{number}" for number in range(count)], len(late(kwok.ends()))
    for name in names:
        crowd.create_one(cluster, name, maxSessionDuration=f"{DURATION_SECONDS}s")
        time.sleep(1 / EACH_SECOND)
    crowd.until(
        cluster, lambda: len(late(kwok.ends())) == before + count, crowd.patience(names), "all were asked to end"
    )
    crowd.until(
        cluster, lambda: all("finish" in cluster.status(name) for name in names), crowd.patience(names), "all over"
    )
    crowd.clear(cluster, names)
    return late(kwok.ends())[before:]


def late(ends: list[Json]) -> list[float]:
    """Return how late the orders came that a deadline caused."""
    return [
        moment(end["ending"]["requestedAt"]) - moment(end["started"]) - DURATION_SECONDS
        for end in ends
        if end["ending"]["cause"] == Cause.MAX_DURATION
    ]
