"""Requests that are no HTTP, as anybody may send them who reaches a port."""

import asyncio
from typing import Final

#: None of them is a fault of the server.
MALFORMED: Final = {
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a long header": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    "many headers": b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(200)) + b"\r\n",
    "a chunk of no size": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n",
    "a body that is not zipped": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
    "a URL that is none": b"GET http://[::1/livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "a version that is none": b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00\xa5",
}


async def send(host: str, port: int, said: bytes) -> bytes:
    """Send a request and return all that comes until the other side closes."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(said)
        return await reader.read()
    finally:
        writer.close()
