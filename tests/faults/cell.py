"""One cell as it is played: a session, how it is brought to its moment, and how it is seen to have left it."""

import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from kubernetes import client
from urllib3.exceptions import HTTPError

from tests.e2e.world import Session, World
from tests.faults import node
from tests.faults.proxy import Answer, Fault, Proxy
from tests.faults.table import Cell

#: Long enough for what the moments hold, short enough for a table of many cells.
SHUTDOWN: Final = {"gracePeriod": "12s", "cancelPeriod": "9s"}
#: From the edit until a running session's deadline.
DEADLINE_SECONDS: Final = 5
#: Pods of a whole window start at once.
START_SECONDS: Final = 90.0


@dataclass(slots=True)
class BotLog:
    """The lines of the bot's own log, as they come."""

    lines: list[str] = field(default_factory=list)
    #: Whether it was followed to its end: where its node or process was taken away, its last lines may be missing.
    is_whole: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def follow(self, session: Session) -> None:
        """Read the log until the container ends; in a thread of its own."""
        with suppress(HTTPError, client.ApiException):
            answer: Any = client.CoreV1Api().read_namespaced_pod_log(
                session.status["podName"], session.namespace, container="bot", follow=True, _preload_content=False
            )
            for line in answer:
                self._add(line.decode("utf-8", errors="replace"))
            answer.release_conn()
            self.is_whole = True

    def _add(self, line: str) -> None:
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()

    def time_of(self, what: str) -> float | None:
        """Return when the bot said something, in seconds since the epoch; None when it has not."""
        found = (re.fullmatch(rf"{what} at ([0-9.]+)\s*", line) for line in list(self.lines))
        return next((float(match[1]) for match in found if match), None)

    def wait_for(self, what: str, within: float) -> None:
        """Wait until the bot says something."""
        with self.changed:
            said = self.changed.wait_for(lambda: self.time_of(what) is not None, timeout=within)
        assert said, f"the bot has not said {what!r} within {within} s:\n{''.join(self.lines[-20:])}"


class Played:
    """A cell and its session."""

    def __init__(self, cell: Cell, world: World, proxy: Proxy, name: str) -> None:
        self.cell = cell
        self.world = world
        self.proxy = proxy
        self.name = name
        self.log = BotLog()
        self.fault: Fault | None = None
        #: Whether there was nothing left to strike.
        self.slipped = False
        self.supervisor_pid = self.bot_pid = 0
        self._gate: Fault | None = None
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """Return the session, which has been applied."""
        assert self._session is not None
        return self._session

    def prepare(self) -> None:
        """Bring the session to where it can wait; one that is to be struck at its start is not applied yet."""
        if self.cell.moment.reached.get("phase") == "Starting":
            return
        self.start()
        self.session.eventually(START_SECONDS, phase="Running")
        self._follow()

    def approach(self) -> None:
        """Bring the session to its moment, where it does not stay for long."""
        moment = self.cell.moment
        if moment.gate:
            self._gate = self.proxy.fault(self._requests(Answer.REFUSED, **moment.gate))
        if moment.end:
            self.world.edit(self.session, end=moment.end)
        if moment.gate:
            self._come_to_the_gate()
        elif moment.log:
            self.log.wait_for(moment.log, within=20)
        elif self._session is None:
            self.start()
            self.session.until(lambda status: "podName" in status and status["phase"] != "Pending", START_SECONDS)
            self._follow()

    def find_processes(self) -> None:
        """Find the processes that are to be struck, once there is a session; one that is over has none left."""
        if not self.cell.cause.processes or self._session is None or self.bot_pid:
            return
        try:
            self.supervisor_pid = node.supervisor_pid(self.session)
            self.bot_pid = node.child_pid(self.supervisor_pid)
        except (AssertionError, KeyError, ValueError):
            self.slipped = True

    def set_deadline(self) -> None:
        """Let a running session's time be over soon, and the supervisor be told of it."""
        if self.cell.moment.reached.get("phase") != "Running" or self.cell.cause.lasting:
            return
        self.world.time_is_over(self.session, DEADLINE_SECONDS)

    def open_gate(self) -> None:
        """Let the operator do what it was kept from."""
        if self._gate:
            self.proxy.lift(self._gate)

    def break_requests(self) -> None:
        """Let the cause's fault hold for this session's requests."""
        self.fault = self.proxy.fault(self._requests(**self.cell.cause.fault))

    def mend_requests(self) -> None:
        """Let them through again."""
        if self.fault:
            self.proxy.lift(self.fault)

    def missed(self, struck_at: float) -> bool:
        """Return whether the session had already left its moment when the fault struck."""
        moment = self.cell.moment
        if self.slipped or (self.fault and not self.fault.hits):
            return True  # nothing was left to strike
        if moment.gate:
            return False
        if moment.log or moment.reached.get("phase") == "Starting":
            left = self.log.time_of(moment.log.replace("took", "gave") or "gave start")
            return left is not None and left < struck_at
        ended = self.session.status.get("endingAt")
        return ended is not None and datetime.fromisoformat(ended).timestamp() < struck_at

    def start(self) -> None:
        """Apply the session."""
        moment, cause = self.cell.moment, self.cell.cause
        spec = {**moment.spec, **cause.spec}
        spec["shutdown"] = {**SHUTDOWN, **spec.get("shutdown", {})}
        self._session = self.world.session(self.name, bot={"target": "staged.py", "body": moment.body}, **spec)

    def _follow(self) -> None:
        threading.Thread(target=self.log.follow, args=(self.session,), daemon=True).start()

    def _requests(self, answer: Answer | str, path: str = "", **fault: object) -> Fault:
        """Make a fault of this session's requests: about the object itself, its status, or its pod."""
        path = path.replace("{name}", self.name) if path else rf"/{self.name}(-[0-9a-f]{{8}})?(/status)?($|\?)"
        return Fault(answer if isinstance(answer, Answer) else Answer[answer], path=path, **fault)  # type: ignore[arg-type]

    def _come_to_the_gate(self) -> None:
        gate = self._gate
        assert gate is not None
        assert self.proxy.wait_for(gate, within=45), f"{self.name} has not come to its gate"
