"""The log of an HTTP server that strangers may talk to: what a stranger did wrong is no news, a bug of ours is."""

import logging

#: A child of aiohttp's own logger, so that other servers of the process keep theirs as it is.
NAME = "aiohttp.server.guarded"


def server_logger(*faults_of_callers: type[BaseException]) -> logging.Logger:
    """Return the logger for a server that drops records of these exceptions; all others keep their traceback.

    The server names the exceptions, since this package does not know its library.
    """

    def is_ours(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], faults_of_callers))

    logger = logging.getLogger(NAME)
    logger.filters = [is_ours]  # not one more for each server
    return logger
