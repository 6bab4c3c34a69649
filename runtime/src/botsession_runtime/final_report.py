"""Write the report at the end, whatever the bot has done and whatever fails in the supervisor."""

import errno
import os
import stat
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from loguru import logger

from botsession_contract.conversation import Conversation
from botsession_contract.launch import Launch
from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.report import ExitReport, to_bytes
from botsession_runtime.conversation import to_contract
from botsession_runtime.redact import Redactor, conversation_without_secrets, without_secrets
from botsession_runtime.report import Wall, build_report
from botsession_runtime.secret_values import find_secrets
from botsession_runtime.session_state import SessionState

#: Neither block on a pipe without a reader, nor follow a link.
_OPEN_FLAGS: Final = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def final_report(state: SessionState, launch: Launch, wall: Wall, now: float) -> tuple[ExitReport, bytes]:
    """Return the report of a session that is over, and its bytes. Never raise."""
    try:
        report = without_secrets(build_report(state, wall, now), redactor_for(launch))
        return report, to_bytes(report)
    except Exception as exc:  # noqa: BLE001  # whatever it is, a session without a report would count as lost
        logger.error("the report could not be built: {}", type(exc).__name__)
        report = minimal_report(state, type(exc).__name__)
        return report, to_bytes(report)


def conversation_of(state: SessionState, launch: Launch, wall: Wall) -> Conversation | None:
    """Return what the caller has got so far, without secrets."""
    conversation = to_contract(state.conversation, wall)
    return (
        conversation_without_secrets(conversation, redactor_for(launch))
        if conversation and conversation.errors
        else conversation
    )


def redactor_for(launch: Launch) -> Redactor:
    """Return what takes the secrets of this session out of texts."""
    return _redactor(find_secrets(os.environ, launch.body, launch.secret_env, launch.open_env))


@lru_cache(maxsize=1)
def _redactor(secrets: tuple[str, ...]) -> Redactor:
    return Redactor(secrets)


def minimal_report(state: SessionState, trouble: str) -> ExitReport:
    """Return the least that can be said of a session; nothing in it comes from the bot."""
    return ExitReport(
        reason=Reason.UNKNOWN,
        outcome=Outcome.NEVER_STARTED if state.started_at is None else Outcome.LOST,
        finished_at=datetime.now(UTC),
        message=f"the supervisor could not build its report ({trouble})",
    )


def write_report(path: str, data: bytes) -> None:
    """Write the report into its file; where that is none any more, into a new one in its place."""
    try:
        try:
            _write(path, data, os.O_TRUNC)
        except FileNotFoundError:
            _write(path, data, os.O_CREAT | os.O_EXCL)
        except OSError:
            # The kubelet mounts the file, so there it can be written but not replaced. On a machine a bot may have
            # put something else there.
            os.unlink(path)  # noqa: PTH108
            _write(path, data, os.O_CREAT | os.O_EXCL)
    except OSError as exc:
        logger.error("the report could not be written: {}", exc)


def _write(path: str, data: bytes, how: int) -> None:
    fd = os.open(path, _OPEN_FLAGS | how, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        while data:
            data = data[os.write(fd, data) :]
    finally:
        os.close(fd)
