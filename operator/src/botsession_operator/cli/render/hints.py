"""What to do next, for each reason, bad outcome and exit code. docs/reference/reasons.md says more."""

from typing import Final

from botsession_contract.lifecycle import Outcome, Reason

#: For each reason, where it is an error, or where the outcome is good.
NEXT_STEPS: Final[dict[Reason, str]] = {
    Reason.COMPLETED: "Nothing needs to be done.",
    Reason.BOT_CANCELLED: "If callers are cut off by this, look for cancel() in the bot.",
    Reason.CLIENT_DISCONNECTED: "Nothing needs to be done.",
    Reason.IDLE_TIMEOUT: (
        "If it came too early, raise idleTimeout, or let more count as activity in idle.frames; idle.prompt asks the "
        "caller first."
    ),
    Reason.NO_CLIENT: (
        "See that the client gets the right room, address or token in time; joinTimeout may be longer, or 0s to wait "
        "for ever."
    ),
    Reason.MAX_DURATION: (
        "If that was too early, raise maxSessionDuration; a live session gets more time by `botsession extend`."
    ),
    Reason.END_REQUESTED: "Nothing needs to be done.",
    Reason.DELETED: "To end a session and keep its record, use `botsession end {name}`.",
    Reason.EVICTED: (
        "The Events of the pod and of its node say who told it to go; eviction: WhenIdle lets calls end before a drain."
    ),
    Reason.START_TIMEOUT: (
        "Look at the part of the start that took longest, with `botsession describe {name}`: load less at import, use "
        "a smaller image, or raise startTimeout."
    ),
    Reason.NO_SOUND: (
        "Look at the errors that `botsession describe {name}` shows, for a service that cannot be reached or a key "
        "that it refuses; if the bot waits for the caller to speak first, raise firstSoundTimeout."
    ),
    Reason.BOT_ERROR: "Mend the line that the report names, or the service: its key, its quota.",
    Reason.BOT_EXITED: (
        "Look at the end of the bot's log, and for sys.exit() or a bot() that does not wait for its runner."
    ),
    Reason.OUT_OF_MEMORY: (
        "Raise bot.resources.limits.memory, or find what grows: models are often loaded once for each session."
    ),
    Reason.IMAGE_PULL: "Mend bot.image; a private registry needs podTemplate.spec.imagePullSecrets.",
    Reason.UNSCHEDULABLE: (
        "Lower bot.resources.requests, mend node selectors and tolerations, or add nodes; where an autoscaler adds "
        "them, startTimeout must be longer than that takes."
    ),
    Reason.POD_REJECTED: (
        "Mend what the report's words name: a quota that is used up, a Secret or service account that is missing, an "
        "admission policy, or a bot.python that is not in the image."
    ),
    Reason.NODE_LOST: "Start a new session; nodes that are taken back with notice should be drained then.",
    Reason.UNKNOWN: (
        "Leave the finalizer botsession.dev/report on pods to the operator; the API server's audit log says who took "
        "it off."
    ),
}
#: For bad outcomes, where the reason is no error.
NEXT_STEPS_BY_OUTCOME: Final[dict[Outcome, str]] = {
    Outcome.FORCED: (
        "Let the processor that held it push every frame on; if it was only still speaking, raise shutdown.gracePeriod."
    ),
    Outcome.KILLED: (
        "Move what blocks the event loop to asyncio.to_thread(), and do not swallow CancelledError; if it was busy "
        "with wanted clean-up, raise shutdown.cancelPeriod."
    ),
    Outcome.LOST: (
        "Look whether its node was in trouble, or its pod deleted by force: `botsession end {name}` and kubectl delete "
        "bs let it report."
    ),
    Outcome.UNWATCHED: (
        "Let what starts its process pass BOTSESSION_AGENT_SOCKET and BOTSESSION_AGENT_TOKEN on, and keep the network "
        "namespace of its container."
    ),
    Outcome.NEVER_STARTED: (
        "If it should have started by then, `botsession describe {name}` shows what the start was waiting for."
    ),
}
#: The meaning of a bot's exit codes, where nothing else is known.
EXIT_CODES: Final = {
    0: "bot() returned without waiting for its runner",
    134: "a native library aborted it",
    137: "somebody killed it",
    139: "a native library crashed",
    143: "somebody sent it a SIGTERM",
}
OTHER_EXIT_CODES: Final = "the bot chose that itself"
