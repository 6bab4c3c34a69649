"""The supervisor: outlives the bot, ends it properly, and reports how it ended.

Glue between the pure parts and the world: events change the state, the ladder reads the state and returns the next
step, and this module carries the step out. Each wait for the bot has a bound.
"""

import asyncio
import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from loguru import logger

from botsession_contract.connections import ConnectionGuard
from botsession_contract.control import EndRequest, SessionPatch, SessionSnapshot
from botsession_contract.json_codec import PayloadError, decode, encode
from botsession_contract.launch import BACKSTOP_SECONDS, Launch
from botsession_contract.lifecycle import Cause, Mode, Phase, Step, final_phase
from botsession_contract.report import ExitReport
from botsession_contract.session_limits import SessionLimits
from botsession_runtime import (
    conversation_limits,
    end_requests,
    ladder,
    memory,
    processes,
    received_signals,
    server_watch,
)
from botsession_runtime.bot_process import AGENT_TOKEN_ENV, Bot, limits_command
from botsession_runtime.bot_stopper import BotStopper
from botsession_runtime.control import WrongStateError, create_runner
from botsession_runtime.events import Event
from botsession_runtime.final_report import final_report, redactor_for, write_report
from botsession_runtime.heartbeats import HeartbeatSender
from botsession_runtime.hook_connections import HookConnections
from botsession_runtime.log import configure_log
from botsession_runtime.poke import Poker
from botsession_runtime.reducers import apply_event, settle
from botsession_runtime.result import read as read_result
from botsession_runtime.session_state import Exit, Request, Rung, SessionState
from botsession_runtime.snapshot import snapshot_of

#: Events after which the operator is poked.
POKE_EVENTS = frozenset(
    {"listening", "called", "started", "client", "sounded", "left", "took", "finished", "lost", "speaks"}
)


def run(raw_launch: dict[str, Any], bot: Bot, *, began: float, early_signals: list[int]) -> int:
    """Supervise a bot that has been started; return the process's exit code."""
    log = configure_log()
    try:
        launch = decode(Launch, raw_launch)
        if bot.hooks:
            os.environ[AGENT_TOKEN_ENV] = bot.hooks.token  # the redactor finds secrets by the names of variables
        log.redact = redactor_for(launch).redact
        return asyncio.run(Supervisor(launch, bot, began=began).run(early_signals))
    except PayloadError as exc:
        logger.error("the launch cannot be used: {}", exc)
        if bot.pid:
            processes.signal_group(bot.pid, signal.SIGKILL)
        return 2
    finally:
        log.close()


class Supervisor:
    """One session: its state, its timers and the actions that follow from them."""

    def __init__(self, launch: Launch, bot: Bot, *, began: float) -> None:
        self.launch = launch
        self.bot = bot
        self.state = SessionState(began=began, is_target=not launch.command, failure=bot.failure)
        self.report: ExitReport | None = None
        # The two clocks are compared once, so that intervals stay right when the wall clock is set.
        self._clock_origin = datetime.now(UTC) - timedelta(seconds=time.monotonic())
        self._deadline: float | None = None
        self._limits = launch.limits
        self._timer: asyncio.TimerHandle | None = None
        self._hooks = HookConnections(bot, began, self._on_events)
        self._hooks.greet_with(self._limits_command())
        self._stopper = BotStopper(bot, self._hooks)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._heartbeats = HeartbeatSender(launch, launch.heartbeat, self._content) if launch.heartbeat else None

    async def run(self, early_signals: list[int]) -> int:
        """Supervise until the bot is gone and its report is written."""
        self._loop = asyncio.get_running_loop()
        self._bot_exited = asyncio.Event()
        self._poker = Poker(self.launch.poke_url)
        if self._heartbeats:
            self._track(self._heartbeats.run())
        runner = create_runner(self, self.launch.token_sha256)
        try:
            self._start_watching()
            self._track(server_watch.watch(self.launch, lambda: self.state, self._on_event))
            await self._serve(runner)
            for number in early_signals:
                self._on_signal(number)
            await self._bot_exited.wait()
            await self._stopper.sweep(self._reap)
        finally:
            self._write_report()
        await self._poker.close()
        if self._server:
            self._server.close()  # a later request would be cut off when the loop closes
        await runner.cleanup()
        return self._exit_code()

    @property
    def is_ready(self) -> bool:
        """Whether the bot listens or its pipeline has started, and its process has not exited."""
        is_there = self.state.listening_at is not None or self.state.started_at is not None
        return is_there and self.state.exit is None

    def snapshot(self) -> SessionSnapshot:
        """Return what is known now."""
        content = self._content()
        return replace(content, heartbeats=self._heartbeats.state(content)) if self._heartbeats else content

    def _content(self) -> SessionSnapshot:
        deadline = self._deadline_at()
        now = self._loop.time()
        return snapshot_of(self.state, self.launch, self.report, self._limits, deadline, self.wall, now)

    def end(self, request: EndRequest) -> None:
        """Start the ladder, raise its mode, or shorten the rest of it."""
        if self.state.exit:
            raise WrongStateError("the session has finished")
        current = self.state.request
        if current is None:
            self._start_ending(self._request(request))
        elif current.is_by_bot:
            self._start_ending(end_requests.take_over(self.state, current, self._request(request)))
        elif current.mode is Mode.GRACEFUL and request.mode is Mode.IMMEDIATE:
            self._start_ending(end_requests.raise_to_immediate(current, request, self._loop.time()))
        elif current.mode is request.mode:
            shorter = end_requests.shorten(current, request, self.state, self._loop.time())
            self.state = replace(self.state, request=shorter)
            self._advance()
        else:
            raise WrongStateError("the session is ending immediately, which cannot become graceful again")

    def adjust(self, patch: SessionPatch) -> None:
        """Apply a patch: another deadline, other limits or another way to end."""
        if self.state.exit or (self.state.request and not self.state.request.is_by_bot):
            raise WrongStateError("the session is ending")
        if patch.deadline:
            self._deadline = (patch.deadline - self._clock_origin).total_seconds()
            logger.info("deadline moved to {}", patch.deadline.isoformat())
        if patch.limits:
            self._apply_limits(patch.limits)
        self.launch = replace(
            self.launch,
            shutdown=patch.shutdown or self.launch.shutdown,
            overrides=patch.overrides or self.launch.overrides,
        )
        self._advance()

    def wall(self, moment: float) -> datetime:
        """Return a monotonic time as a wall-clock time."""
        return self._clock_origin + timedelta(seconds=moment)

    # Events and signals.

    def _start_watching(self) -> None:
        os.set_blocking(self.bot.stacks, False)
        self._hooks.watch(self._loop)
        received_signals.watch(self._loop, self._on_signal)
        if self.bot.pid is None:
            self._on_bot_exit(127)
        self._reap()  # a bot may have exited before the signal thread ran

    async def _serve(self, runner: web.AppRunner) -> None:
        await runner.setup()
        if self.bot.control is None or runner.server is None:
            # The bot runs already and SIGTERM still ends it properly, so this is no reason to stop.
            logger.error("the control endpoint cannot listen: {}", self.bot.control_failure)
            return
        protected = ConnectionGuard().protect(runner.server)
        self._server = await self._loop.create_server(protected, sock=self.bot.control)

    def _on_events(self, events: list[Event]) -> None:
        """Apply events of the bot's processes, then reap dead processes, then take the next steps.

        In this order: after a long wait for a processor, events, the bot's exit and a step may all be due at once.
        """
        for event in events:
            self._apply_event(event)
        self._reap()
        self._advance()

    def _apply_event(self, event: Event) -> None:
        self.state = end_requests.with_bots_own_end(apply_event(self.state, event), self.launch)
        if event["event"] in POKE_EVENTS:
            self._poker.poke()

    def _on_event(self, event: Event) -> None:
        self._apply_event(event)
        self._advance()

    def _on_signal(self, number: int) -> None:
        if number in received_signals.TERMINATING:
            self._on_sigterm()
        self._reap()  # on each signal: a flood of other signals must not hide SIGCHLD

    def _reap(self) -> None:
        dead = list(processes.reap())
        for pid, code in dead:
            if pid == self.bot.pid:
                self._on_bot_exit(code)
        if dead:
            self._stopper.child_died.set()
        if len(dead) >= processes.MAX_REAPED:
            self._loop.call_soon(self._reap)  # SIGCHLD for the remaining children has been taken already

    def _on_bot_exit(self, code: int) -> None:
        now = self._loop.time()
        self.state = replace(self.state, exit=Exit(code, now))
        self._bot_exited.set()
        for event in self._hooks.drain():  # its last events, which have not been read yet
            self._apply_event(event)
        self.state = end_requests.without_kill(settle(self.state))
        self.state = replace(self.state, memory=memory.since(self.bot.memory_before, memory.read()))
        logger.info("bot exited with code {}", code)
        self._advance()

    def _on_sigterm(self) -> None:
        """End the session within the pod's grace period, after which the kubelet kills the container."""
        now = self._loop.time()
        budget = end_requests.sigterm_budget(self.launch.termination_grace_seconds)
        current = self.state.request
        if current is None or current.is_by_bot:
            logger.info("SIGTERM received")
            evicted = self._own_request(Cause.EVICTED)
            request = end_requests.take_over(self.state, current, evicted) if current else evicted
            self._start_ending(end_requests.squeeze(request, self.state, now, budget))
        else:
            squeezed = end_requests.squeeze(current, self.state, now, budget)
            self.state = replace(self.state, request=squeezed)
            self._advance()

    # The ladder.

    def _own_request(self, cause: Cause) -> Request:
        return self._request(EndRequest(self.launch.shutdown_for(cause).mode, cause))

    def _request(self, asked: EndRequest) -> Request:
        return end_requests.complete(asked, self.launch.shutdown_for(asked.cause), self._loop.time())

    def _start_ending(self, request: Request) -> None:
        logger.info("session asked to end: {} {}", request.cause, request.mode)
        self.state = replace(self.state, request=request)
        close = {"do": "close", "reason": request.cause}
        self._hooks.greet_with(self._limits_command(), close)
        if self.state.finish:
            self._hooks.send(close)  # no other pipeline is to follow
        self._advance()

    def _advance(self) -> None:
        """Take the steps that are due, and set a timer for the next step or limit."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while (rung := self._next_rung()) and rung.at <= self._loop.time():
            self._take_step(rung.step)
        due = self._next_limit()
        if due and (rung is None or due.at < rung.at):
            self._timer = self._loop.call_at(due.at, self._on_limit)
        elif rung:
            self._timer = self._loop.call_at(rung.at, self._advance)

    def _next_rung(self) -> Rung | None:
        return ladder.next_rung(self.state, self._own_grace())

    def _own_grace(self) -> float:
        return self.launch.shutdown.grace_period_seconds

    def _take_step(self, step: Step) -> None:
        self.state = replace(self.state, rungs=(*self.state.rungs, Rung(step, self._loop.time())))
        logger.info("ladder step: {}", step)
        self._poker.poke()
        if step is Step.TERMINATE:
            self._track(self._stop(signal.SIGTERM))
        elif step is Step.KILL:
            self._track(self._stop(signal.SIGKILL))
        else:
            self._send_step(step)

    def _send_step(self, step: Step) -> None:
        request = self.state.request
        verb = {Step.END_FRAME: "end", Step.CANCEL_FRAME: "cancel", Step.FORCED_CANCEL_FRAME: "force"}[step]
        command = {
            "do": verb,
            "reason": request.cause if request else "",
            "farewell": request.farewell if request else "",
            # The bot's own end may leave pipelines that talk on, or be followed by another one.
            "own": self.state.may_continue,
        }
        self._hooks.send(command)
        if not self.state.may_continue:
            self._hooks.greet_with(self._limits_command(), command | {"farewell": ""})

    def _deadline_at(self) -> float | None:
        if self._deadline is not None:
            return self._deadline
        started = self.state.started_at
        return None if started is None else started + self.launch.max_duration_seconds

    # The limits.

    def _apply_limits(self, limits: SessionLimits) -> None:
        if not self._limits.idle_timeout_seconds:
            # The hook has not watched for activity so far, so the idle timeout counts from now.
            self.state = replace(self.state, active_at=self._loop.time())
        self._limits = limits
        self._hooks.greet_with(self._limits_command())
        self._hooks.send(self._limits_command())
        logger.info("limits are now {}", limits)

    def _limits_command(self) -> dict[str, Any]:
        return limits_command(encode(self._limits))

    def _next_limit(self) -> conversation_limits.Due | None:
        deadline = self._deadline_at()
        backstop = None if deadline is None else deadline + BACKSTOP_SECONDS
        return conversation_limits.next_due(self.state, self._limits, backstop)

    def _on_limit(self) -> None:
        due = self._next_limit()
        if due is None or due.at > self._loop.time():
            self._advance()
        elif due.cause is None:
            self._prompt()
        else:
            logger.warning("limit reached: {}", due.cause)
            current, request = self.state.request, self._own_request(due.cause)
            self._start_ending(end_requests.take_over(self.state, current, request) if current else request)

    def _prompt(self) -> None:
        """Send the idle prompt to the bot."""
        prompt = self._limits.idle_prompt
        self.state = replace(self.state, prompt_sent_at=self._loop.time())
        logger.info("quiet caller prompted")
        self._hooks.send({"do": "say", "text": prompt.text if prompt else ""})
        self._advance()

    async def _stop(self, number: signal.Signals) -> None:
        """Signal the bot's processes after a stack dump, which a signalled bot may no longer answer."""
        try:
            await self._record_blocking_line()
        finally:
            if not self.state.exit:
                self._stopper.signal(number)

    async def _record_blocking_line(self) -> None:
        if blocked_at := await self._stopper.blocking_line():
            self.state = replace(self.state, blocked_at=blocked_at)

    def _track(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # The end.

    def _write_report(self) -> None:
        if self._hooks.refused:
            logger.warning("{} lines of the bot's side were not events", self._hooks.refused)
        self.state = replace(self.state, result=read_result(self.bot.result))
        self.report, data = final_report(self.state, self.launch, self.wall, self._loop.time())
        write_report(self.launch.report_path, data)
        logger.info("session finished: {} {} {}", self.report.reason, self.report.outcome, self.report.message or "")

    def _exit_code(self) -> int:
        report = self.report
        return 0 if report and final_phase(report.reason, report.outcome) is Phase.SUCCEEDED else 1
