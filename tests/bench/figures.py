"""What becomes of raw samples: medians and percentiles, a table for a person, a JSON file for whoever digs deeper."""

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).resolve().parents[2]
#: Not in version control: samples tell of one machine on one day.
RESULTS: Final = ROOT / "build" / "bench"


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the nearest rank: a measured value, never one in between. Of 30 samples the p99 is the largest."""
    return sorted(samples)[max(math.ceil(len(samples) * percent / 100), 1) - 1]


def seconds(value: float) -> str:
    """Write a time the way it is read best."""
    return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.2f} s"


def median(samples: Sequence[float]) -> str:
    """Write the median of times; a dash where there are none."""
    return seconds(statistics.median(samples)) if samples else "-"


def spread(samples: Sequence[float]) -> list[str]:
    """Write the columns p50, p90, p99 and maximum of times."""
    return [seconds(percentile(samples, percent)) for percent in (50, 90, 99, 100)] if samples else ["-"] * 4


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Print a table, the first column to the left and figures to the right."""
    table = Table(title=title, title_justify="left", caption=note or None, caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # A log has no width of its own, and a table cut at 80 columns has lost its figures.
    console = Console() if Console().is_terminal else Console(width=140)
    console.print(table)


def keep(name: str, samples: Any) -> None:
    """Write the raw samples, replacing those of the last run."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(samples, indent=1) + "\n")
    Console().print(f"raw samples: {path.relative_to(ROOT)}\n", highlight=False)


def arguments(description: str | None, **numbers: int) -> argparse.Namespace:
    """Read a program's arguments: each is a count with a default."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    return parser.parse_args()
