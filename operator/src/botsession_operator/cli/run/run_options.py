"""What `botsession run` is to rehearse: an end that comes by itself, and faults."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from botsession_contract.lifecycle import Mode
from botsession_operator.cli.run.file_watch import Watched


class FaultTarget(StrEnum):
    """What a rehearsal kills."""

    OPERATOR = "operator"  # whenever the session enters a phase; it is started anew a second later


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run differs from one that is left alone."""

    #: From the start of the pipeline; None: nobody asks for the end.
    end_after: timedelta | None = None
    #: How the end is asked for then.
    mode: Mode = Mode.GRACEFUL
    fault_target: FaultTarget | None = None
    #: Files of which a change starts the session anew.
    watched: Watched | None = None


DEFAULT_OPTIONS = RunOptions()
