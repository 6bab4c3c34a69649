"""A transport that never says when a client connects; some of Pipecat's own do not either."""

from pipecat.transports.base_input import BaseInputTransport


class MuteInput(BaseInputTransport):
    """Takes nothing in."""
