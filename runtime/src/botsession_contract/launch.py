"""What a supervisor is told at its start, by the operator, in its environment."""

from dataclasses import dataclass
from typing import Any, Final

from botsession_contract.control import CONTROL_PORT
from botsession_contract.lifecycle import Cause
from botsession_contract.session_limits import NO_LIMITS, SessionLimits
from botsession_contract.shutdown import NO_OVERRIDES, USUAL_SHUTDOWN, Overrides, Shutdown
from botsession_contract.transports import Transport

#: Environment variable of the supervisor: a `Launch` as JSON.
LAUNCH_ENV: Final = "BOTSESSION_LAUNCH"
#: Where the injected runtime is found in the bot's container, and what PYTHONPATH there begins with.
RUNTIME_PATH: Final = "/opt/botsession"
#: The longest session that can be asked for, in seconds. Also the pod's activeDeadlineSeconds, less the start.
MAX_SESSION_SECONDS: Final = 24 * 3600
#: How long past its deadline a supervisor waits for the operator before it ends the session itself, in seconds.
BACKSTOP_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class HeartbeatTarget:
    """Where a supervisor sends its heartbeats, and how often."""

    #: `host:port` of UDP.
    address: str
    #: The operator counts on each heartbeat, so a longer time would delay the discovery of a silence.
    interval_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Launch:
    """One supervisor's orders. Either `target` or `command` says what the bot is."""

    namespace: str
    name: str
    #: Hex SHA-256 of the bearer token that the control endpoint accepts.
    token_sha256: str
    #: A file (`bot.py`, `bots.py:function`) or `module:function` that offers Pipecat's `async bot(runner_args)`.
    target: str | None = None
    #: A command line, run unchanged.
    command: tuple[str, ...] = ()
    #: The interpreter that has Pipecat; only `target` uses it.
    python: str = "python3"
    #: `runner_args.body`.
    body: Any = None
    #: Which runner arguments a target is given; None: those without a transport.
    transport: Transport | None = None
    #: Names of environment variables whose values came out of Secrets, and are kept out of the report.
    secret_env: tuple[str, ...] = ()
    #: Names of the variables that the spec sets in the open, where all keys of a Secret become variables too: any other
    #: that is not an ordinary one may hold a secret. None: no Secret is taken as a whole.
    open_env: tuple[str, ...] | None = None
    #: From pipeline start. The supervisor ends the session itself BACKSTOP_SECONDS past it.
    max_duration_seconds: float = float(MAX_SESSION_SECONDS)
    #: The supervisor strikes these itself. They may be moved later, by PATCH.
    limits: SessionLimits = NO_LIMITS
    #: What the kubelet gives the pod between SIGTERM and SIGKILL.
    termination_grace_seconds: float = 60.0
    shutdown: Shutdown = USUAL_SHUTDOWN
    overrides: Overrides = NO_OVERRIDES
    #: The port at which callers reach the bot: `spec.expose`.
    expose_port: int | None = None
    #: From the session's creation to the pipeline's start. The operator strikes it; the supervisor gives up no caller
    #: sooner that it only guesses the bot to wait for. None: it does not guess.
    start_timeout_seconds: float | None = None
    #: `POST` here, without a body, says "look at this session". Best effort.
    poke_url: str | None = None
    #: Where heartbeats go. None: the supervisor sends none.
    heartbeat: HeartbeatTarget | None = None
    #: Where the exit report goes: the container's termination message.
    report_path: str = "/dev/termination-log"
    #: An address and port to listen on, or a listening socket that was inherited (the local backend's). A wildcard
    #: stands for all addresses, IPv6 too.
    control_host: str = "0.0.0.0"  # noqa: S104  # a pod's address is not known before it runs
    control_port: int = CONTROL_PORT
    control_fd: int | None = None
    #: The pod has its node's network: whoever has the control port there may be a stranger, who must not be asked in
    #: this supervisor's place.
    host_network: bool = False

    def shutdown_for(self, cause: Cause) -> Shutdown:
        """Return how the session ends for this cause."""
        known = {
            Cause.MAX_DURATION: self.overrides.max_duration,
            Cause.IDLE_TIMEOUT: self.overrides.idle_timeout,
            Cause.NO_CLIENT: self.overrides.no_client,
            Cause.EVICTED: self.overrides.evicted,
            Cause.NO_SOUND: self.overrides.no_sound,
            Cause.BOT_ENDED: self.overrides.bot_ended,
            Cause.BOT_CANCELLED: self.overrides.bot_cancelled,
        }
        return known.get(cause) or self.shutdown
