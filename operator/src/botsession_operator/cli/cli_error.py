"""The exit codes, and the exception that ends a command with a sentence."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes, which are the same for every command."""

    OK = 0  # done, and where a session's end was waited for: it succeeded
    FAILED = 1  # the session or its caller failed, or a check found something that is wrong
    REFUSED = 2  # an option, a manifest or a change is not acceptable
    NOT_FOUND = 3  # there is no such session, pod, context or file
    UNREACHABLE = 4  # the cluster does not answer, or does not know BotSessions
    FORBIDDEN = 5  # the cluster does not know who asks, or does not let them
    INTERRUPTED = 130  # Ctrl-C, as shells have it


class CliError(Exception):
    """Ends the command; the message is a sentence for the user."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Conflict(CliError):
    """The object has changed since it was read."""
