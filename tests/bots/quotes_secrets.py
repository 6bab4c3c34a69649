"""A bot that quotes its secrets as libraries do, without showing them in its own log.

`body`: {"how": ..., "where": "raise" | "told"}. "told" puts them into the reason, a task's name and the result.
"""

import asyncio
import base64
import json
import os
import textwrap
from urllib.parse import quote

from pipecat.frames.frames import EndFrame
from quiet import make_worker, run

from botsession_runtime import set_result


def quoted(how):
    """Quote a secret in this way."""
    key, pem = os.environ.get("PROVIDER_ACCESS", ""), os.environ.get("SIGNING", "")
    account = json.loads(os.environ.get("GOOGLE_ACCOUNT", "{}"))
    return {
        "whole": key,
        "repr": f"unable to load PEM: {pem!r}",
        "shortened": f"input_value='{key[:24]}...{key[-23:]}'",
        "base64": base64.b64encode(f"user:{key}".encode()).decode(),
        "url": f"https://host.example/v1?auth={quote(pem, safe='')}",
        "json": f"could not deserialize {account.get('private_key')}",
        "lines": "\n".join(textwrap.wrap(key, 7, break_on_hyphens=False)),
        "in the code": "no key for service: sk-proj-0123456789abcdefghij0123456789",
    }[how]


async def bot(runner_args):
    """Quote it where the body says."""
    text = quoted(runner_args.body["how"])
    if runner_args.body["where"] == "raise":
        raise ValueError(text) from None
    worker = make_worker()
    tasks = []

    @worker.event_handler("on_pipeline_started")
    async def started(worker, frame):
        tasks.append(asyncio.create_task(asyncio.sleep(3600), name=text))
        set_result({"said": text, text: [text]})
        await worker.queue_frame(EndFrame(reason=text))

    await run(worker)
