"""Runner arguments of each kind of transport, and Pipecats that do not have them."""

import dataclasses
import os
from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.runner import types

from botsession_contract.json_codec import encode
from botsession_contract.transports import IceServer, Transport, TransportType
from botsession_runtime import telephony, transports, webrtc
from botsession_runtime.bot_errors import BotLoadError, require
from botsession_runtime.transports import LaunchConfig, read_launch_config

ROOM = Transport(TransportType.DAILY, room_url="https://example.daily.co/a")
SERVERS = (IceServer(("stun:a",)), IceServer(("turn:b",), "bot"))


def config(transport: Transport | None = None, **more: Any) -> LaunchConfig:
    fields = {"session": "support-42", "body": None, "idle": None, **more}
    return read_launch_config({**fields, "transport": encode(transport) if transport else None})


def test_bot_without_a_transport_gets_plain_arguments() -> None:
    arguments = config(idle=0).arguments()
    assert type(arguments) is types.RunnerArguments
    assert (arguments.body, arguments.session_id, arguments.pipeline_idle_timeout_secs) == ({}, "support-42", 0)
    assert (arguments.handle_sigint, arguments.handle_sigterm) == (False, False)


def test_token_is_taken_out_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTSESSION_TOKEN", "sesame")
    assert config(ROOM).arguments().token == "sesame"
    assert "BOTSESSION_TOKEN" not in os.environ


def test_each_ice_server_gets_its_own_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTSESSION_ICE_CREDENTIAL_1", "sesame")
    first, second = webrtc.ice_servers(config(Transport(TransportType.SMALLWEBRTC, ice_servers=SERVERS)))
    assert (first.urls, first.username, first.credential) == (["stun:a"], None, None)
    assert (second.urls, second.username, second.credential) == (["turn:b"], "bot", "sesame")
    assert "BOTSESSION_ICE_CREDENTIAL_1" not in os.environ


@pytest.mark.parametrize("kind", TransportType)
def test_only_some_kinds_listen(kind: TransportType) -> None:
    assert config(Transport(kind)).listens == (kind in (TransportType.WEBSOCKET, TransportType.SMALLWEBRTC))


def pipecat_with(monkeypatch: pytest.MonkeyPatch, **classes: type) -> None:
    monkeypatch.setattr(transports, "module", lambda _: SimpleNamespace(**classes))


def test_pipecat_without_a_kind_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pipecat_with(monkeypatch, RunnerArguments=types.RunnerArguments)
    with pytest.raises(
        BotLoadError, match=r"^pipecat-ai 1\.\S+ has no DailyRunnerArguments, which spec.bot.transport needs"
    ):
        config(ROOM).arguments()


def test_pipecat_whose_kind_lacks_a_field_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    older = dataclasses.make_dataclass("DailyRunnerArguments", ["room_url", "body"])
    pipecat_with(monkeypatch, DailyRunnerArguments=older)
    with pytest.raises(BotLoadError, match=r"its DailyRunnerArguments has no token; use a newer Pipecat$"):
        config(ROOM).check()


def test_image_without_a_server_is_a_sentence() -> None:
    with pytest.raises(
        BotLoadError, match=r"^transport websocket needs no_uvicorn in the bot's image: install a\[b\]$"
    ):
        require("transport websocket", "a[b]", "json", "no_uvicorn")


@pytest.mark.parametrize(
    ("known", "url"),
    [
        ("", "wss://called.example.com/ws"),
        ("ws://support-42.bots.svc:7860/ws", "wss://called.example.com/ws"),
        ("wss://bots.example.com/support-42/ws", "wss://bots.example.com/support-42/ws"),
    ],
)
def test_provider_is_sent_to_a_public_address(monkeypatch: pytest.MonkeyPatch, known: str, url: str) -> None:
    monkeypatch.setenv("BOTSESSION_URL", known)
    assert telephony.stream_url("called.example.com") == url


@pytest.mark.parametrize(
    ("known", "prefix"),
    [
        ("", ""),
        ("ws://support-42.bots.svc:7860/ws", ""),
        ("wss://bots.example.com/bots/support-42/ws", "/bots/support-42"),
        ("https://bots.example.com/bots/support-42", "/bots/support-42"),
        ("https://support-42.example.com/", ""),
    ],
)
def test_what_a_route_puts_before_our_paths(monkeypatch: pytest.MonkeyPatch, known: str, prefix: str) -> None:
    monkeypatch.setenv("BOTSESSION_URL", known)
    assert telephony.public_prefix() == prefix
