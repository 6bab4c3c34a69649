"""Answers one HTTP request of a connection with JSON: less work than a web server, so the operator has the machine."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

#: Takes the request line with the headers, and the body; returns what the answer says.
Answer = Callable[[str, bytes], dict[str, Any]]


async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Answer the request, and close the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = await reader.readexactly(int(header(head, "content-length") or 0))
        said = json.dumps(answer(head, body)).encode()
        lines = ("HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(said)}")
        writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode() + said)
        await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        pass
    finally:
        writer.close()


def header(head: str, name: str) -> str:
    """Return the value of a header; empty where it is missing."""
    lines = (line.partition(":") for line in head.split("\r\n"))
    return next((value.strip() for key, _, value in lines if key.lower() == name), "")
