"""Answers for the supervisors of many pods that do not exist: each address that it is asked at is a session that runs.

    nsenter --target PID --net python -m tests.bench.stand_in

It is as cheap as an answer can be, since it shares its processors with what is measured: no framework, and one JSON
template. Whoever asks is believed to have the token.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Final

from botsession_contract.control import CONTROL_PORT, SessionSnapshot
from botsession_contract.json_codec import encode
from botsession_contract.lifecycle import BotState

#: When the sessions at these addresses began to run: when they were first asked.
STARTED: Final[dict[str, datetime]] = {}
TALK: Final = timedelta(minutes=30)


def answer(address: str) -> bytes:
    """Return a snapshot of the session at an address."""
    now = datetime.now(UTC)
    started = STARTED.setdefault(address, now)
    snapshot = SessionSnapshot(
        BotState.RUNNING,
        now,
        started_at=started,
        deadline=started + TALK,
        client_connected_at=started,
        tells_of_clients=True,
    )
    body = json.dumps(encode(snapshot)).encode()
    head = ("HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
    return "\r\n".join((*head, "", "")).encode() + body


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        address, _ = writer.get_extra_info("sockname")[:2]
        writer.write(answer(address))
        await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Serve until the process is told to end."""
    everywhere = "0.0.0.0"  # the addresses of all pods are the worker's own
    server = await asyncio.start_server(serve, everywhere, CONTROL_PORT, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
