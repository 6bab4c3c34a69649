"""Try answers and exit reports that no run has tried before, until one keeps its session, or the number is reached.

Then try as many manifests, until one leads to a traceback.

    python -m tests.fuzz            # 20,000 stories and manifests
    python -m tests.fuzz 1000000
    python -m tests.fuzz --only manifests 5000

What is found is kept in `.hypothesis`, and tried first by the next run; put its story into tests/unit/operator.
"""

import argparse
import asyncio

from hypothesis import HealthCheck, given, settings

from tests.hostile import STORIES, Story, check, live
from tests.log_lines import captured
from tests.odd_manifests import try_manifests


def main() -> None:
    parser = argparse.ArgumentParser(description="Try answers and exit reports against the operator's passes.")
    parser.add_argument("number", nargs="?", type=int, default=20_000, help="how many to try (default: %(default)s)")
    parser.add_argument("--only", choices=["stories", "manifests"], help="leave the others out")
    wanted = parser.parse_args()
    if wanted.only != "manifests":
        try_stories(wanted.number)
        print("no answer has kept its session")
    if wanted.only != "stories":
        try_manifests(wanted.number)
        print("no manifest has led to a traceback")


def try_stories(number: int) -> None:
    @settings(max_examples=number, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(STORIES)
    def try_(story: Story) -> None:
        check(asyncio.run(live(story)), story)

    with captured():
        try_()


if __name__ == "__main__":
    main()
