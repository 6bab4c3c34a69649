"""The supervisor's own log lines: for `kubectl logs`, beside whatever the bot writes there."""

import sys
from typing import Any, Final

from loguru import logger

#: What an operator of bots would look for, by event; never what was said.
LINES: Final = {
    "hooked": "hook loaded by pipecat {pipecat}",
    "listening": "listening for a caller on port {port}",
    "called": "caller came",
    "started": "pipeline started",
    "client": "client connected",
    "left": "client left",
    "finished": "pipeline finished: {frame}",
    "timeout": "pipecat gave up waiting for {what}",
    "idle": "pipecat's idle timeout struck",
    "failed": "bot unusable: {message}",
    "crashed": "bot raised {message}",
    "advice": "{message}",
    "trouble": "hook in trouble: {message}",
}


def configure_log() -> None:
    """Log to stderr, one line an event, marked as ours: the bot writes to the same stream."""
    line = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} | {level: <7} | botsession: {message}"
    logger.configure(handlers=[{"sink": sys.stderr, "format": line, "level": "INFO"}])


def log_event(event: dict[str, Any]) -> None:
    """Log an event from the bot's process, where it is worth a line."""
    if line := LINES.get(event["event"]):
        logger.info(line, **event)
