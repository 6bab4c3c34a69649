"""A language model that has learnt its part: an OpenAI-compatible server of streamed chat completions, for tests.

It needs nothing but aiohttp, which comes with Pipecat, so that it can run beside a bot in a pod:

    python openai_server.py --port 8080 &
    export OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=none

At "goodbye" it calls the tool `end_conversation`, if that is offered. To anything else it answers "you said …".
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web

Json = dict[str, Any]

TOOL: Final = "end_conversation"
REASON: Final = "the caller said goodbye"
#: The requests that were answered, for a test to look at.
REQUESTS: web.AppKey[list[Json]] = web.AppKey("requests", list)


async def complete(request: web.Request) -> web.StreamResponse:
    """Answer one request as OpenAI does: server-sent events, each with a piece of the answer."""
    asked: Json = await request.json()
    request.app[REQUESTS].append(asked)
    print(f"asked: {asked['messages'][-1].get('content')}", flush=True)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for choice in choices(asked):
        await response.write(f"data: {json.dumps(chunk(asked, choice))}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    return response


def choices(asked: Json) -> Iterator[Json]:
    """Yield the answer in pieces."""
    offered = {tool["function"]["name"] for tool in asked.get("tools", ())}
    said = heard(asked["messages"])
    if "goodbye" in said and TOOL in offered:
        yield from tool_call(TOOL, {"reason": REASON})
        return
    for word in f"you said {said}".split():
        yield {"delta": {"role": "assistant", "content": f"{word} "}, "finish_reason": None}
    yield {"delta": {}, "finish_reason": "stop"}


def heard(messages: list[Json]) -> str:
    """Find what the caller said last."""
    said = [message["content"] for message in messages if message["role"] == "user"]
    return str(said[-1]).lower() if said else "nothing"


def tool_call(name: str, arguments: Json) -> Iterator[Json]:
    """Call a tool, its arguments cut in two, as real ones come."""
    text = json.dumps(arguments)
    function = {"name": name, "arguments": ""}
    pieces: list[Json] = [{"id": "call_1", "type": "function", "function": function}]
    pieces += [{"function": {"arguments": part}} for part in (text[:5], text[5:])]
    for piece in pieces:
        yield {"delta": {"tool_calls": [{"index": 0, **piece}]}, "finish_reason": None}
    yield {"delta": {}, "finish_reason": "tool_calls"}


def chunk(asked: Json, choice: Json) -> Json:
    """Give a piece its envelope."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": asked["model"]}
    return head | {"choices": [{"index": 0, **choice}]}


def create_app() -> web.Application:
    """Make the server."""
    app = web.Application()
    app[REQUESTS] = []
    app.router.add_post("/v1/chat/completions", complete)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    web.run_app(create_app(), port=parser.parse_args().port, print=None)
