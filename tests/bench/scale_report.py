"""What the benchmark of many sessions has shown, as a table and as charts. A stage that was left out has no row."""

from collections.abc import Callable
from typing import Any, Final

from tests.bench import figures
from tests.bench.bar_chart import Chart
from tests.bench.harness import Json

MIB: Final = 2**20
#: What was measured of a crowd: its name, how it is written, and what it is in the samples.
Row = tuple[str, Callable[[Any], str], Callable[[Json], Any]]

ROWS: Final[tuple[Row, ...]] = (
    ("created at once", "{:,}".format, lambda size: size["start"]["count"]),
    ("until all run", figures.seconds, lambda size: size["start"]["seconds"]),
    ("running, a second", "{:.1f}".format, lambda size: rate(size["start"])),
    ("processor of the leader for a start", figures.seconds, lambda size: size["start"]["cpu"]),
    ("requests of the operator for a start", "{:.1f}".format, lambda size: size["start"]["requests"]),
    ("quiet: processor of the leader", "{:.1%}".format, lambda size: size["quiet"]["cpu"]),
    ("quiet: memory of the leader", "{:.0f} MiB".format, lambda size: size["quiet"]["rss"] / MIB),
    ("quiet: processor of a standby", "{:.1%}".format, lambda size: size["quiet"]["standby_cpu"]),
    ("quiet: memory of a standby", "{:.0f} MiB".format, lambda size: size["quiet"]["standby_rss"] / MIB),
    ("quiet: requests a second", "{:.1f}".format, lambda size: size["quiet"]["requests"]),
    ("deadline → order to end, p50", figures.seconds, lambda size: figures.percentile(size["deadlines"], 50)),
    ("deadline → order to end, p99", figures.seconds, lambda size: figures.percentile(size["deadlines"], 99)),
    ("cold restart: until ready", figures.seconds, lambda size: size["restart"]["ready"]),
    ("cold restart: then a new session runs", figures.seconds, lambda size: size["restart"]["running"]),
    ("leader stops: until the lease is taken", figures.seconds, lambda size: size["stop"]["taken"]),
    ("leader stops: then a new session runs", figures.seconds, lambda size: size["stop"]["running"]),
    ("leader killed: until the lease is taken", figures.seconds, lambda size: size["kill"]["taken"]),
    ("leader killed: then a new session runs", figures.seconds, lambda size: size["kill"]["running"]),
)


def show(samples: Json) -> None:
    """Print the tables."""
    figures.show("Rates", ["", "measured", "goal"], rate_rows(samples))
    sizes = samples["sizes"]
    columns = ["live sessions", *(f"{size['sessions']:,}" for size in sizes)]
    note = "; ".join(size["stopped"] for size in sizes if "stopped" in size)
    title = f"{samples['operators']} operators, {samples['processors']} processors"
    figures.show(title, columns, crowd_rows(sizes), note)


def rate_rows(samples: Json) -> list[list[str]]:
    """Return what was counted a second and a life: measured, and the goal."""
    rows = _lives_rows(samples["lives"], samples["jobs"]) if "jobs" in samples else []
    return [*rows, ["bare pods created and running, a second", f"{rate(samples['pods']):.1f}", ""]]


def _lives_rows(lives: Json, jobs: Json) -> list[list[str]]:
    requests = lives["requests"]
    return [
        ["sessions created, run and finished, a second", f"{rate(lives):.1f}", "≥ 50"],
        ["Jobs with the same pods, a second", f"{rate(jobs):.1f}", ""],
        ["ratio of the two", f"{rate(lives) / rate(jobs):.1f}", "≥ 5"],
        ["processor of the leader for a life", figures.seconds(lives["cpu"]), "≤ 8 ms"],
        ["writes of the operator for a life, without Events", f"{requests['writes']:.2f}", "≤ 6"],
        ["Events of the operator for a life", f"{requests['events']:.2f}", ""],
        ["reads of the operator for a life", f"{requests['reads']:.2f}", "≤ 4"],
    ] + [[f"{name}, processors meanwhile", f"{share:.2f}", ""] for name, share in lives["shares"].items()]


def crowd_rows(sizes: list[Json]) -> list[list[str]]:
    """Return what was measured of each size; a dash where a stage was left out."""
    rows = [[name, *(_written(size, write, read) for size in sizes)] for name, write, read in ROWS]
    return [row for row in rows if set(row[1:]) != {"-"}]


def charts(samples: Json) -> list[Chart]:
    """Return the charts of what has a goal; those without a bar are left out."""
    sizes = samples["sizes"]

    def rates(**kinds: str) -> list[tuple[str, float]]:
        return [(name.replace("_", " "), rate(samples[kind])) for name, kind in kinds.items() if kind in samples]

    def bars(read: Callable[[Json], Any]) -> list[tuple[str, float]]:
        found = [(f"{size['sessions']:,} sessions", _read(size, read)) for size in sizes]
        return [(label, float(value)) for label, value in found if value is not None]

    starts = bars(lambda size: rate(size["start"]))
    made = [
        Chart("Created, run and finished, a second", "", rates(sessions="lives", Jobs="jobs"), 50, is_least=True),
        Chart("Created at once and running, a second", "", [*starts, *rates(bare_pods="pods")]),
        Chart("Quiet: processor of the leader", "%", bars(lambda size: size["quiet"]["cpu"] * 100), 5),
        Chart("Quiet: memory of the leader", "MiB", bars(lambda size: size["quiet"]["rss"] / MIB), 400),
        Chart(
            "From the deadline to the order to end, p99",
            "ms",
            bars(lambda size: figures.percentile(size["deadlines"], 99) * 1000),
            250,
        ),
        Chart("Cold restart, until a new session runs", "s", bars(lambda size: sum(size["restart"].values())), 20),
        Chart(
            "Killed leader: after the lease, until a new session runs",
            "s",
            bars(lambda size: size["kill"]["running"]),
            1,
        ),
    ]
    return [chart for chart in made if chart.bars]


def rate(lives: Json) -> float:
    """Return how many a second."""
    return float(lives["count"] / lives["seconds"])


def _read(size: Json, read: Callable[[Json], Any]) -> Any:
    try:
        return read(size)
    except (KeyError, TypeError):  # the stage was left out
        return None


def _written(size: Json, write: Callable[[Any], str], read: Callable[[Json], Any]) -> str:
    value = _read(size, read)
    return "-" if value is None else write(value)
