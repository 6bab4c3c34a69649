"""As much of an API server as the command line asks for: sessions in a dictionary, over real HTTP."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

Json = dict[str, Any]
_POD = re.compile(r"/api/v1/namespaces/[^/]+/pods/([^/]+)")
SESSIONS = "/apis/botsession.dev/v1alpha1/"


@dataclass(slots=True)
class ApiServer:
    """What it knows, what it was asked, and what it is to say."""

    sessions: dict[str, Json] = field(default_factory=dict)
    #: Answers to other paths; a text is a log, a status a refusal.
    answers: dict[str, Json | str | HTTPStatus] = field(default_factory=dict)
    #: The versions that each watch shows before its stream ends, or its refusal; one watch more is refused.
    changes: list[list[Json] | HTTPStatus] = field(default_factory=list)
    #: The sessions that are gone when the first watch begins.
    forgets: set[str] = field(default_factory=set)
    #: What others write before each change that is asked for.
    meanwhile: list[Json] = field(default_factory=list)
    #: Each request: method, path, query, body, headers.
    requests: list[tuple[str, str, Json, Any, Json]] = field(default_factory=list)
    #: Every request is refused with this.
    refusal: tuple[HTTPStatus, str] | None = None
    url: str = ""

    def add(self, session: Json) -> None:
        """Keep a session."""
        self.sessions[session["metadata"]["name"]] = session

    def answer(self, method: str, path: str, query: Json, body: Any) -> tuple[int, Json | str]:
        """Answer a request."""
        if self.refusal:
            return self.refusal[0], {"kind": "Status", "message": self.refusal[1]}
        if path in self.answers:
            known = self.answers[path]
            return (known, {"message": "you may not"}) if isinstance(known, HTTPStatus) else (200, known)
        if found := _POD.match(path):
            return 404, missing(found[1], "pods", "")
        if not path.startswith(SESSIONS):
            return 404, "404 page not found\n"  # what a real one says of a kind that it does not serve
        name = path.partition("/botsessions/")[2]
        if "watch" in query:
            return self._watched()
        if method == "POST":
            return 201, self._created(body)
        if not name:
            kind = {"apiVersion": "botsession.dev/v1alpha1", "kind": "BotSessionList"}
            return 200, {**kind, "metadata": {"resourceVersion": "9"}, "items": list(self.sessions.values())}
        if name not in self.sessions:
            return 404, missing(name)
        if method == "PATCH":
            return self._patched(name, body)
        return 200, self.sessions[name]

    def _watched(self) -> tuple[int, Json | str]:
        if not self.changes:
            return 403, {"message": "no more changes"}
        for name in self.forgets:
            self.sessions.pop(name, None)
        shown = self.changes.pop(0)
        if isinstance(shown, HTTPStatus):
            return shown, {"kind": "Status", "code": shown, "message": "too old resource version"}
        events = [{"type": _kind(version), "object": version} for version in shown]
        return 200, "".join(f"{json.dumps(event)}\n" for event in events)

    def _patched(self, name: str, body: Json) -> tuple[int, Json]:
        """Merge a patch, but where its preconditions do not hold."""
        if self.meanwhile:
            self.add(self.meanwhile.pop(0))
        stored, wanted = self.sessions[name]["metadata"], body.get("metadata", {})
        if any(wanted.get(key, stored[key]) != stored[key] for key in ("uid", "resourceVersion")):
            return 409, {"kind": "Status", "code": 409, "message": "the object has been modified"}
        self.sessions[name] = merged(self.sessions[name], body)
        return 200, self.sessions[name]

    def _created(self, body: Json) -> Json:
        name = body["metadata"].get("name") or f"{body['metadata'].get('generateName', '')}x7k2p"
        facts = {"name": name, "uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-01-31T12:00:00Z"}
        return {**body, "metadata": {**body["metadata"], **facts}}


def missing(name: str, plural: str = "botsessions", group: str = "botsession.dev") -> Json:
    """Return what a real API server says of an object that does not exist."""
    of = f"{plural}.{group}" if group else plural
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 404}
    details = {"name": name, "kind": plural, **({"group": group} if group else {})}
    return {**status, "reason": "NotFound", "message": f'{of} "{name}" not found', "details": details}


def _kind(version: Json) -> str:
    """Name what a watch shows: a Status is its error, an object that is being deleted goes."""
    if version["kind"] == "Status":
        return "ERROR"
    return "DELETED" if "deletionTimestamp" in version["metadata"] else "MODIFIED"


def merged(old: Any, patch: Any) -> Any:
    """Merge a patch into an object (RFC 7396)."""
    if not (isinstance(patch, dict) and isinstance(old, dict)):
        return patch
    return {**old, **{key: merged(old.get(key, {}), value) for key, value in patch.items()}}


@contextmanager
def serving(server: ApiServer) -> Iterator[ApiServer]:
    """Serve on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(raw) if raw else None
            server.requests.append((self.command, unquote(parts.path), query, body, dict(self.headers)))
            code, said = server.answer(self.command, unquote(parts.path), query, body)
            payload = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if isinstance(said, str) else "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815  # as http.server wants them named

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        yield server
        http.shutdown()


def kubeconfig(folder: Path, url: str, **user: Any) -> Path:
    """Write a kubeconfig for a server."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": "secret-token", **user}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "bots"}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file
