"""Options of `botsession run`: a scheduled end, faults, and watched files."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from botsession_contract.lifecycle import Mode
from botsession_operator.cli.run.file_watch import Watched


class FaultTarget(StrEnum):
    """What `--kill` kills."""

    OPERATOR = "operator"  # at each new phase of the session; another one starts a second later


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options that change the course of a run."""

    #: When to request the end, after the start of the pipeline; None requests none.
    end_after: timedelta | None = None
    #: The mode of that end.
    mode: Mode = Mode.GRACEFUL
    fault_target: FaultTarget | None = None
    #: A change of these files restarts the session.
    watched: Watched | None = None


DEFAULT_OPTIONS = RunOptions()
