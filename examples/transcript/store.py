"""A place for transcripts, to try the example with: keeps what is put, once per name, and shows what it has.

python store.py --port 9000 &
curl http://127.0.0.1:9000/transcript.json
"""

import argparse

from aiohttp import web

TRANSCRIPTS: web.AppKey[dict[str, bytes]] = web.AppKey("transcripts", dict)


async def keep(request: web.Request) -> web.Response:
    """Keep a transcript; refuse a second one of its name where the request asks for that, as S3 does."""
    kept, name = request.app[TRANSCRIPTS], request.match_info["name"]
    if name in kept and request.headers.get("If-None-Match") == "*":
        return web.Response(status=412)
    is_new = name not in kept
    kept[name] = await request.read()
    print(f"{'kept' if is_new else 'replaced'} {name}", flush=True)
    return web.Response(status=201 if is_new else 204)


async def show(request: web.Request) -> web.Response:
    """Give a transcript back."""
    kept = request.app[TRANSCRIPTS].get(request.match_info["name"])
    return web.Response(body=kept, content_type="application/json") if kept is not None else web.Response(status=404)


def create_app() -> web.Application:
    """Make the server."""
    app = web.Application()
    app[TRANSCRIPTS] = {}
    app.router.add_put("/{name}", keep)
    app.router.add_get("/{name}", show)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9000)
    web.run_app(create_app(), port=parser.parse_args().port, print=None)
