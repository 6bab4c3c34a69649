"""What to do next, for each reason, bad outcome and exit code. docs/reference/reasons.md says more."""

from typing import Final

from botsession_contract.lifecycle import Outcome, Reason

#: For each reason, where it is an error, or where the outcome is good.
NEXT_STEPS: Final[dict[Reason, str]] = {
    Reason.COMPLETED: "You need to do nothing.",
    Reason.BOT_CANCELLED: "If this cuts callers off, look for cancel() in the bot.",
    Reason.CLIENT_DISCONNECTED: "You need to do nothing.",
    Reason.IDLE_TIMEOUT: (
        "If it came too early, raise idleTimeout, or count more frames as activity in idle.frames. With idle.prompt, "
        "the bot asks the caller first."
    ),
    Reason.NO_CLIENT: (
        "Check that the client gets the right room, address or token in time. Raise joinTimeout, or set 0s to wait "
        "forever."
    ),
    Reason.MAX_DURATION: (
        "If that was too early, raise maxSessionDuration; `botsession extend` gives a live session more time."
    ),
    Reason.END_REQUESTED: "You need to do nothing.",
    Reason.DELETED: "To end a session and keep its record, use `botsession end {name}`.",
    Reason.EVICTED: (
        "The Events of the pod and of its node say what evicted it. With eviction: WhenIdle, a drain waits for calls."
    ),
    Reason.START_TIMEOUT: (
        "`botsession describe {name}` shows which part of the start took longest. Load less at import, use a smaller "
        "image, or raise startTimeout."
    ),
    Reason.NO_SOUND: (
        "`botsession describe {name}` shows the bot's errors: look for a service that it cannot reach, or a key that "
        "the service refuses. If the bot waits for the caller to speak first, raise firstSoundTimeout."
    ),
    Reason.BOT_ERROR: "Fix the line that the report names, or the service: its key, its quota.",
    Reason.BOT_EXITED: (
        "Read the end of the bot's log. Look for sys.exit(), or for a bot() that does not wait for its runner."
    ),
    Reason.OUT_OF_MEMORY: (
        "Raise bot.resources.limits.memory, or find what grows: bots often load a model once for each session."
    ),
    Reason.IMAGE_PULL: "Fix bot.image; a private registry needs podTemplate.spec.imagePullSecrets.",
    Reason.UNSCHEDULABLE: (
        "Lower bot.resources.requests, fix node selectors and tolerations, or add nodes. If an autoscaler adds them, "
        "startTimeout must be longer than that takes."
    ),
    Reason.POD_REJECTED: (
        "Fix what the report names: a used up quota, a missing Secret or service account, an admission policy, or a "
        "bot.python that is not in the image."
    ),
    Reason.NODE_LOST: "Start a new session. If your cloud announces that it takes a node back, drain the node then.",
    Reason.UNKNOWN: (
        "Leave the finalizer botsession.dev/report on pods to the operator. The API server's audit log says who "
        "removed it."
    ),
}
#: For bad outcomes, where the reason is no error.
NEXT_STEPS_BY_OUTCOME: Final[dict[Outcome, str]] = {
    Outcome.FORCED: (
        "Make the processor that held the frame push on every frame. If the bot was only still speaking, raise "
        "shutdown.gracePeriod."
    ),
    Outcome.KILLED: (
        "Move what blocks the event loop to asyncio.to_thread(), and do not swallow CancelledError. If the bot was "
        "still cleaning up, raise shutdown.cancelPeriod."
    ),
    Outcome.LOST: (
        "Check whether its node had problems, or its pod was deleted by force. With `botsession end {name}` or kubectl "
        "delete bs, the supervisor can report."
    ),
    Outcome.UNWATCHED: (
        "The program that starts its process must pass on BOTSESSION_AGENT_SOCKET and BOTSESSION_AGENT_TOKEN, and keep "
        "the network namespace of its container."
    ),
    Outcome.NEVER_STARTED: (
        "If it should have started by then, `botsession describe {name}` shows what the start waited for."
    ),
}
#: The meaning of a bot's exit codes, where nothing else is known.
EXIT_CODES: Final = {
    0: "bot() returned without waiting for its runner",
    134: "a native library aborted it",
    137: "it got a SIGKILL",
    139: "a native library crashed",
    143: "it got a SIGTERM",
}
OTHER_EXIT_CODES: Final = "the bot set this code itself"
