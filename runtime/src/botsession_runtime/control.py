"""The control endpoint: HTTP for the operator, and probes for the kubelet."""

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Final, Protocol, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from botsession_contract.bounded_json import parse_json
from botsession_contract.control import (
    END_PATH,
    LARGEST_BODY_BYTES,
    LIVEZ_PATH,
    PROBLEM_TYPE,
    READYZ_PATH,
    SESSION_PATH,
    EndRequest,
    SessionPatch,
    SessionSnapshot,
)
from botsession_contract.credentials import token_matches
from botsession_contract.json_codec import PayloadError, Unknown, camel, decode, encode
from botsession_contract.launch import MAX_SESSION_SECONDS
from botsession_contract.lifecycle import BOT_CAUSES
from botsession_contract.server_log import server_logger
from botsession_contract.session_limits import SessionLimits
from botsession_contract.shutdown import Overrides, Shutdown

#: The kubelet's probes carry no token, and get nothing but yes or no.
OPEN_PATHS: Final = frozenset({LIVEZ_PATH, READYZ_PATH})

#: How long the rest of a refused body is read, so that its sender gets the response, in seconds.
LINGERING_SECONDS: Final = 1.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


class WrongStateError(Exception):
    """The session is not in a state for what was asked; the message is a sentence for the caller."""


class Session(Protocol):
    """What the endpoint needs of the supervisor."""

    @property
    def is_ready(self) -> bool:
        """Whether the bot listens or its pipeline has started, and the session is not over."""
        ...

    def snapshot(self) -> SessionSnapshot:
        """Return what is known now."""
        ...

    def end(self, request: EndRequest) -> None:
        """Start the ladder, or raise its mode; raise WrongStateError if neither is possible."""
        ...

    def adjust(self, patch: SessionPatch) -> None:
        """Apply a patch; raise WrongStateError once the session ends."""
        ...


#: What callers can cause: malformed HTTP, a body that cannot be decoded, a connection that they drop.
FAULTS_OF_CALLERS: Final = (HttpProcessingError, web.RequestPayloadError, ConnectionResetError)
SESSION: Final = web.AppKey("session", Session)
TOKEN_DIGEST: Final = web.AppKey("token_digest", str)


def create_app(session: Session, token_sha256: str) -> web.Application:
    """Build the application for one session."""
    app = web.Application(middlewares=[one_request, problems, authorise], client_max_size=LARGEST_BODY_BYTES)
    app[SESSION] = session
    app[TOKEN_DIGEST] = token_sha256
    app.router.add_get(LIVEZ_PATH, livez, allow_head=False)
    app.router.add_get(READYZ_PATH, readyz, allow_head=False)
    app.router.add_get(SESSION_PATH, get_session, allow_head=False)
    app.router.add_patch(SESSION_PATH, patch_session)
    app.router.add_post(END_PATH, end_session)
    return app


def create_runner(session: Session, token_sha256: str) -> web.AppRunner:
    """Return what serves the application on connections of a `ConnectionGuard`."""
    return web.AppRunner(
        create_app(session, token_sha256),
        access_log=None,
        logger=server_logger(*FAULTS_OF_CALLERS),
        handle_signals=False,
        shutdown_timeout=0.2,
        lingering_time=LINGERING_SECONDS,
    )


@web.middleware
async def one_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Close the connection after the response, so that none lasts longer than a few seconds."""
    response = await handler(request)
    response.force_close()
    return response


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return each error as a problem document (RFC 9457)."""
    try:
        return await handler(request)
    except PayloadError as exc:
        return problem(400, "Bad Request", str(exc))
    except WrongStateError as exc:
        return problem(409, "Conflict", str(exc))
    except web.HTTPException as exc:
        kept = {name: exc.headers[name] for name in ("Allow", "WWW-Authenticate") if name in exc.headers}
        return problem(exc.status, exc.reason, exc.text or exc.reason, kept)


@web.middleware
async def authorise(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request without the session's token, before anything else in the request is read."""
    if request.path not in OPEN_PATHS:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token_matches(token.strip(), request.app[TOKEN_DIGEST]):
            challenge = {"WWW-Authenticate": 'Bearer realm="botsession"'}
            raise web.HTTPUnauthorized(headers=challenge, text="the session's bearer token is required")
    return await handler(request)


async def livez(_request: web.Request) -> web.Response:
    """Return 200: the supervisor's event loop runs."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Return 200 if the bot listens for its caller or its pipeline has started, and 503 otherwise."""
    if not request.app[SESSION].is_ready:
        raise web.HTTPServiceUnavailable(text="the pipeline is not running")
    return web.Response(text="ok\n")


async def get_session(request: web.Request) -> web.Response:
    """Return the snapshot."""
    return _snapshot(request, 200)


async def patch_session(request: web.Request) -> web.Response:
    """Change the deadline of the backstop, the limits that the supervisor enforces, or how the session ends."""
    patch = await _body(request, SessionPatch)
    if patch == SessionPatch():
        raise PayloadError("write at least one of deadline, limits, shutdown and overrides")
    if patch.limits:
        check_limits(patch.limits)
    if patch.shutdown:
        check_shutdown("shutdown", patch.shutdown)
    if patch.overrides:
        check_overrides(patch.overrides)
    request.app[SESSION].adjust(patch)
    return _snapshot(request, 200)


async def end_session(request: web.Request) -> web.Response:
    """Request the end of the session. Returns at once; the ladder follows."""
    wanted = await _body(request, EndRequest)
    if wanted.cause in BOT_CAUSES:
        raise PayloadError(f"cause must not be {wanted.cause}: only the bot itself ends a session with it")
    check_seconds("gracePeriodSeconds", wanted.grace_period_seconds)
    check_seconds("cancelPeriodSeconds", wanted.cancel_period_seconds)
    request.app[SESSION].end(wanted)
    return _snapshot(request, 202)


def check_limits(limits: SessionLimits) -> None:
    """Raise PayloadError if one of the limits is not a valid period."""
    check_seconds("limits.joinTimeoutSeconds", limits.join_timeout_seconds)
    check_seconds("limits.idleTimeoutSeconds", limits.idle_timeout_seconds)
    check_seconds("limits.firstSoundTimeoutSeconds", limits.first_sound_timeout_seconds)
    if limits.idle_prompt:
        check_seconds("limits.idlePrompt.afterSeconds", limits.idle_prompt.after_seconds)


def check_shutdown(name: str, shutdown: Shutdown) -> None:
    """Raise PayloadError if one of the periods is not valid."""
    check_seconds(f"{name}.gracePeriodSeconds", shutdown.grace_period_seconds)
    check_seconds(f"{name}.cancelPeriodSeconds", shutdown.cancel_period_seconds)


def check_overrides(overrides: Overrides) -> None:
    """Raise PayloadError if an override has a period that is not valid."""
    for field in fields(overrides):
        if override := getattr(overrides, field.name):
            check_shutdown(f"overrides.{camel(field.name)}", override)


def check_seconds(name: str, seconds: float | None) -> None:
    """Raise PayloadError for a period that is not valid. NaN must not reach a timer: it compares with nothing."""
    if seconds is not None and not (math.isfinite(seconds) and 0 <= seconds <= MAX_SESSION_SECONDS):
        raise PayloadError(f"{name} must be between 0 and {MAX_SESSION_SECONDS}")


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    """Build a problem document."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return web.Response(status=status, text=json.dumps(body), content_type=PROBLEM_TYPE, headers=headers)


def _snapshot(request: web.Request, status: int) -> web.Response:
    return web.json_response(encode(request.app[SESSION].snapshot()), status=status)


async def _body(request: web.Request, cls: type[T]) -> T:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="the body must be application/json")
    data = parse_json(await request.read(), LARGEST_BODY_BYTES)
    _refuse_nulls(data)
    return decode(cls, data, unknown=Unknown.REFUSE)


def _refuse_nulls(data: object, name: str = "the body") -> None:
    """Raise PayloadError for null: it could mean "none", and would be read as left out."""
    if data is None:
        raise PayloadError(f"{name} must not be null; leave it out instead")
    if isinstance(data, dict):
        for key, value in data.items():
            _refuse_nulls(value, key)
