"""Try answers and exit reports that no run has tried before, until one keeps its session, or the number is reached.

    python -m tests.fuzz            # 20,000 stories
    python -m tests.fuzz 1000000

What is found is kept in `.hypothesis`, and tried first by the next run; put its story into tests/unit/operator.
"""

import argparse
import asyncio

from hypothesis import HealthCheck, given, settings
from structlog.testing import capture_logs

from tests.hostile import STORIES, Story, check, live


def main() -> None:
    parser = argparse.ArgumentParser(description="Try answers and exit reports against the operator's passes.")
    parser.add_argument("stories", nargs="?", type=int, default=20_000, help="how many to try (default: %(default)s)")
    wanted = settings(
        max_examples=parser.parse_args().stories, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )

    @wanted
    @given(STORIES)
    def try_(story: Story) -> None:
        check(asyncio.run(live(story)), story)

    with capture_logs():
        try_()
    print("no answer has kept its session")


if __name__ == "__main__":
    main()
