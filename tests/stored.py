"""An API server that has what was stored in it, as text: nothing here reads it but who asked.

As much of one as the running operator asks for: sessions are listed in pieces, watched and read, and writes are kept.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer

from botsession_contract.json_codec import format_time

Json = dict[str, Any]
SPEC: Final = (
    '"bot": {"image": "bot:1", "target": "bot.py", "python": "python3", "runtime": "Injected", "body": BODY}, '
    '"maxSessionDuration": "30m", "startTimeout": "2m", "joinTimeout": "1m", "end": "", "eviction": "Allow", '
    '"shutdown": {"mode": "Graceful", "gracePeriod": "30s", "cancelPeriod": "10s", "farewell": ""}, '
    '"ttlAfterFinished": "1h", "podRetention": "Never"'
)
VERBS: Final = ["get", "list", "watch", "patch", "create", "delete"]
#: What is served, by group and version: what the operator watches, and what kopf looks for before it does.
SERVED: Final = {
    ("", "v1"): {"namespaces": "Namespace", "pods": "Pod"},
    ("botsession.dev", "v1alpha1"): {"botsessions": "BotSession"},
    ("apiextensions.k8s.io", "v1"): {"customresourcedefinitions": "CustomResourceDefinition"},
}
PATIENCE: Final = 60.0


def session(name: str, body: str = "{}", **metadata: Any) -> str:
    """Return a session as it is stored; the body is repeated in managedFields, as the API server does."""
    known = {"name": name, "namespace": "bots", "uid": f"uid-of-{name}", "resourceVersion": "1", "generation": 1}
    head = {**known, "creationTimestamp": format_time(datetime.now(UTC)), "managedFields": ["FIELDS"], **metadata}
    fields = f'{{"manager": "kubectl", "fieldsV1": {{"f:spec": {{"f:bot": {{"f:body": {body}}}}}}}}}'
    text = json.dumps(head).replace('"FIELDS"', fields)
    status = '{"phase": "Pending", "observedGeneration": 0}'
    kind = '"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSession"'
    return f'{{{kind}, "metadata": {text}, "spec": {{{SPEC.replace("BODY", body)}}}, "status": {status}}}'


def _discovery() -> dict[str, Json]:
    """Return what the server says of itself, by path."""
    found: dict[str, Json] = {"/api": {"versions": ["v1"]}, "/apis": {"groups": []}}
    for (group, version), kinds in SERVED.items():
        resources = [{"name": name, "kind": kind, "singularName": kind.lower()} for name, kind in kinds.items()]
        said = {"resources": [{**each, "namespaced": True, "verbs": VERBS} for each in resources]}
        found[f"/apis/{group}/{version}" if group else f"/api/{version}"] = said
        if group:
            named = {"name": group, "preferredVersion": {"version": version}, "versions": [{"version": version}]}
            found["/apis"]["groups"].append(named)
    return found


DISCOVERY: Final = _discovery()


@dataclass
class Store:
    """The sessions, and what was asked of the server."""

    sessions: dict[str, str] = field(default_factory=dict)
    #: Whether lists are streamed, as since Kubernetes 1.34. The answer to another server's client is 422.
    streams_lists: bool = True
    #: Whether the CRD is installed.
    has_crd: bool = True
    #: How many sessions each answer to a list had, and each streamed list.
    pieces: list[int] = field(default_factory=list)
    #: Names of the sessions that a pod was made for.
    pods: list[str] = field(default_factory=list)
    #: Each patch: what of which session, and the patch.
    patches: list[tuple[str, Any]] = field(default_factory=list)
    #: How often the API groups were asked for while the CRD was missing.
    asked_without_crd: int = 0
    url: str = ""
    _events: list[str] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def happens(self, kind: str, name: str, text: str) -> None:
        """Have a watch tell of a session."""
        self.sessions[name] = text
        self._events.append(f'{{"type": "{kind}", "object": {text}}}\n')
        await self._notify()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something was asked of the server."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(holds)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        *_, kind, name = ["", "", *request.path.strip("/").split("/")]
        if "watch" in request.query:
            return await self._watch(request, is_of_sessions=name == "botsessions")
        said = await self._said(request, kind, name)
        await self._notify()
        return said

    async def _said(self, request: web.Request, kind: str, name: str) -> web.Response:
        if request.method == "PATCH":
            path = request.path.partition("/botsessions/")[2]
            self.patches.append((path, await request.json()))
            return _json(session(path.partition("/")[0], resourceVersion="2"))
        if request.method == "POST":
            manifest = await request.json()
            if name == "pods":
                self.pods.append(manifest["metadata"]["labels"]["botsession.dev/session"])
            return web.json_response(manifest, status=201)
        if request.path in DISCOVERY and self.has_crd:
            return web.json_response(DISCOVERY[request.path])
        if request.path == "/apis":
            self.asked_without_crd += 1
            return web.json_response({"groups": []})
        if name == "botsessions":
            return self._piece(request)
        if kind == "botsessions" and name in self.sessions:
            return _json(self.sessions[name])
        if name == "pods":
            return web.json_response({"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": []})
        missing = {"kind": "Status", "reason": "NotFound", "message": f'{kind} "{name}" not found', "code": 404}
        details = {"name": name, "kind": kind, "group": request.path.split("/")[2] if "/apis/" in request.path else ""}
        return web.json_response({**missing, "details": details}, status=404)

    async def _stream_list(self, response: web.StreamResponse, texts: list[str]) -> None:
        for text in texts:
            await response.write(f'{{"type": "ADDED", "object": {text}}}\n'.encode())
        metadata = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}
        await response.write(json.dumps({"type": "BOOKMARK", "object": {"metadata": metadata}}).encode() + b"\n")

    def _piece(self, request: web.Request) -> web.Response:
        texts = list(self.sessions.values())
        begin, size = int(request.query.get("continue", "0")), int(request.query.get("limit", "0")) or len(texts)
        rest = str(begin + size) if begin + size < len(texts) else ""
        items = texts[begin : begin + size]
        self.pieces.append(len(items))
        metadata = json.dumps({"resourceVersion": "1", "continue": rest})
        head = '"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSessionList"'
        text = f'{{{head}, "metadata": {metadata}, "items": [{", ".join(items)}]}}'
        return _json(text)

    async def _watch(self, request: web.Request, *, is_of_sessions: bool) -> web.StreamResponse:
        is_list = "sendInitialEvents" in request.query
        if is_list and not self.streams_lists:
            return web.json_response({"kind": "Status", "reason": "Invalid", "code": 422}, status=422)
        response = web.StreamResponse()
        await response.prepare(request)
        if is_list:
            await self._stream_list(response, list(self.sessions.values()) if is_of_sessions else [])
            if is_of_sessions:
                self.pieces.append(len(self.sessions))
                await self._notify()
        told = 0
        while True:
            for event in self._events[told:] if is_of_sessions else []:
                await response.write(event.encode())
            told = len(self._events)
            async with self._changed:
                while len(self._events) == told:
                    await self._changed.wait()


def _json(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json")


@asynccontextmanager
async def serving(store: Store) -> AsyncIterator[Store]:
    """Serve on a free port of the loopback interface."""
    app = web.Application(client_max_size=8 * 2**20)
    app.router.add_route("*", "/{path:.*}", store.answer)
    async with TestServer(app) as server:
        store.url = str(server.make_url("")).rstrip("/")
        yield store
