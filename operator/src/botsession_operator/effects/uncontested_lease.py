"""The lease of an operator that has no other replica. The local backend has it too, and no Kubernetes client."""

import asyncio
import math
from typing import Final


class Uncontested:
    """The lease of an operator without other replicas."""

    def seconds_left(self) -> float:
        """Return infinity: the lease never ends."""
        return math.inf

    async def elected(self) -> None:
        """Return at once: there is no other operator."""

    async def run(self) -> None:
        """Wait forever: the lease cannot be lost."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Do nothing: no other operator waits for the lease."""


UNCONTESTED: Final = Uncontested()
