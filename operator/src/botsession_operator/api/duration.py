"""Durations as Kubernetes users write them: `30s`, `1h30m`, `250ms`."""

import functools
import re
from datetime import timedelta

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)", re.ASCII)


#: Sessions of one application have the same few durations, and each pass parses all of a session's.
@functools.lru_cache(maxsize=1024)
def parse_duration(text: str) -> timedelta:
    """Return a duration from the form of Go's time.ParseDuration, as in CEL's `duration()`, without negative ones."""
    if text == "0":
        return timedelta(0)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write for example 30s, 5m or 1h30m")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


def format_duration(length: timedelta) -> str:
    """Return a duration in whole seconds, the largest units first: `1h2m3s`; zero is `0s`."""
    seconds = max(0, round(length.total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "m"), (seconds, "s")]
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
