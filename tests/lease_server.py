"""As much of an API server as leader election asks for: one Lease, with its resourceVersion; all else is only noted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from botsession_operator.core.api_resources import LEASES, Target
from tests.apiserver import merged, missing

Json = dict[str, Any]
LEASE: Final = Target(LEASES, "system", "operator")
PATH: Final = LEASE.path().text
CONFLICT: Final = {"kind": "Status", "reason": "Conflict", "message": "the object has been modified"}


@dataclass(slots=True)
class LeaseServer:
    """What it keeps, and what came in."""

    lease: Json | None = None
    name: str = LEASE.name
    #: Further Leases of the namespace, by name: each one's spec.
    rivals: dict[str, Json] = field(default_factory=dict)
    versions: int = 0
    #: All but requests about the Lease: method and path.
    others: list[tuple[str, str]] = field(default_factory=list)
    #: Each change of the Lease: its method.
    changes: list[str] = field(default_factory=list)
    #: Every request about the Lease is answered with this.
    refusal: int | None = None
    #: Changes of the Lease are made and never answered.
    keeps_silent: bool = False
    has_kept_silent: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    @property
    def spec(self) -> Json:
        assert self.lease
        spec: Json = self.lease["spec"]
        return spec

    def keep(self, **spec: object) -> None:
        """Keep a Lease, as an operator would have written it."""
        self.versions += 1
        metadata = {"namespace": LEASE.namespace, "name": self.name, "resourceVersion": str(self.versions)}
        known = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
        self.lease = {**known, "spec": {**(self.spec if self.lease else {}), **spec}}

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request."""
        body = await request.json() if request.body_exists else None
        if not request.path.startswith(PATH.rpartition("/")[0]):
            self.others.append((request.method, request.path))
            return web.json_response({"kind": "Status", "reason": "Invalid", "message": "only noted"}, status=422)
        if self.refusal:
            return web.json_response({"message": "not now"}, status=self.refusal)
        if request.path == PATH.rpartition("/")[0] and request.method == "GET":
            return web.json_response(self._list())
        status, answer = self._answer(request.method, body)
        if self.keeps_silent and request.method != "GET":
            self.has_kept_silent.set()
            await asyncio.Event().wait()
        return web.Response(status=status, text=json.dumps(answer), content_type="application/json")

    def _list(self) -> Json:
        return lease_list(self.items)

    @property
    def items(self) -> list[Json]:
        """All Leases of the namespace."""
        others = [
            {"metadata": {"namespace": LEASE.namespace, "name": name, "resourceVersion": "1"}, "spec": spec}
            for name, spec in self.rivals.items()
        ]
        return [*others, *([self.lease] if self.lease else [])]

    def _answer(self, method: str, body: Any) -> tuple[int, Json]:
        if method == "POST":
            if self.lease:
                return 409, {"kind": "Status", "reason": "AlreadyExists", "message": "it exists"}
            self.changes.append(method)
            self.keep(**body["spec"])
        elif self.lease is None:
            return 404, missing(self.name, "leases", "coordination.k8s.io")
        elif method == "PATCH":
            if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
                return 409, CONFLICT
            self.changes.append(method)
            self.keep(**merged(self.spec, body["spec"]))
        assert self.lease
        return 200, self.lease


def lease_list(items: list[Json]) -> Json:
    """Return the answer to a list of Leases."""
    return {"kind": "LeaseList", "metadata": {}, "items": items}


@asynccontextmanager
async def lease_server() -> AsyncIterator[LeaseServer]:
    """Serve on a free port."""
    server, app = LeaseServer(), web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as listening:
        server.url = str(listening.make_url("")).rstrip("/")
        yield server


def connect(url: str) -> client.ApiClient:
    """Open a client of it."""
    return client.ApiClient(client.Configuration(host=url))
