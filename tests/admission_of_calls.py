"""What admission refuses, and takes, of how caller and bot meet: a part of the tables in `tests/admission.py`."""

from collections.abc import Iterator
from typing import Final

from tests.manifests import Json, Refusal, session

_TOKEN: Final = {"secretKeyRef": {"name": "rooms", "key": "token"}}


def transports() -> Iterator[Refusal]:
    at = "spec.bot.transport"
    fields = {
        "roomUrl": ("https://example.daily.co/a", "it belongs to type daily"),
        "roomName": ("a", "it belongs to type livekit"),
        "url": ("wss://a", "it belongs to type livekit"),
        "applicationId": ("a", "it belongs to type vonage"),
        "vonageSessionId": ("a", "it belongs to type vonage"),
        "provider": ("twilio", "it belongs to type websocket"),
        "iceServers": ([{"urls": ["stun:a"]}], "it belongs to type smallwebrtc"),
        "token": (_TOKEN, "it belongs to the types daily, livekit and vonage"),
    }
    for field, (value, why) in fields.items():
        manifest = session(spec__bot__transport={"type": "none", field: value})
        yield Refusal(f"{field} of no transport", manifest, f"{at}.{field}", f"leave {field} out, {why}")
    for kind, sentence in {
        "daily": "write roomUrl, for example https://example.daily.co/support-42, where type is daily",
        "livekit": "write url, roomName and token where type is livekit",
        "vonage": "write applicationId, vonageSessionId and token where type is vonage",
    }.items():
        yield Refusal(f"{kind} without its fields", session(spec__bot__transport={"type": kind}), at, sentence)
    yield Refusal(
        "a token that everybody reads",
        session(spec__bot__transport={"type": "daily", "roomUrl": "https://a", "token": "abc"}),
        f"{at}.token",
        "must be of type object",
    )
    yield Refusal(
        "a transport for a command",
        session(spec__bot={"image": "a", "command": ["sh"], "transport": {"type": "websocket"}}),
        at,
        "leave transport out where command is written, because a command gets no runner arguments",
    )
    yield Refusal(
        "a provider that nobody knows",
        session(spec__bot__transport={"type": "websocket", "provider": "acme"}),
        f"{at}.provider",
        'Unsupported value: "acme": supported values: "twilio", "telnyx", "plivo", "exotel"',
    )


def exposures() -> Iterator[Refusal]:
    yield Refusal(
        "the control endpoint's port",
        session(spec__expose={"port": 8474}),
        "spec.expose.port",
        "choose another port, because 8474 belongs to the supervisor",
    )
    yield Refusal(
        "a path from nowhere",
        session(spec__expose={"path": "ws"}),
        "spec.expose.path",
        "must be a path that begins with a slash, for example /ws",
    )
    for field, value in {"protocol": "HTTP", "path": "/talk"}.items():
        yield Refusal(
            f"a {field} of a transport that has its own",
            session(spec__bot__transport={"type": "websocket"}, spec__expose={field: value}),
            "spec.expose",
            "leave protocol and path out, because they follow from spec.bot.transport",
        )


#: What is taken, by what is remarkable about it.
REACHABLE: Final[dict[str, Json]] = {
    "a Daily room that is open": session(spec__bot__transport={"type": "daily", "roomUrl": "https://a.daily.co/b"}),
    "a Daily room": session(spec__bot__transport={"type": "daily", "roomUrl": "https://a.daily.co/b", "token": _TOKEN}),
    "a LiveKit room": session(
        spec__bot__transport={"type": "livekit", "url": "wss://a", "roomName": "b", "token": _TOKEN}
    ),
    "a Vonage session": session(
        spec__bot__transport={"type": "vonage", "applicationId": "a", "vonageSessionId": "b", "token": _TOKEN}
    ),
    "a telephone": session(spec__bot__transport={"type": "websocket", "provider": "twilio"}, spec__expose={}),
    "a WebRTC connection": session(
        spec__bot__transport={
            "type": "smallwebrtc",
            "iceServers": [{"urls": ["turn:a"], "username": "b", "credential": _TOKEN}],
        },
        spec__expose={"port": 80},
    ),
    "no transport": session(spec__bot__transport={"type": "none"}),
    "a bot that listens in its own way": session(spec__expose={"protocol": "WebSocket", "path": "/a/b.c"}),
}
