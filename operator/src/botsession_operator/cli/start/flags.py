"""The options of `botsession start`. Options of the transport and of `spec.expose` have the names of their fields."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from botsession_contract.transports import TelephonyProvider, TransportType
from botsession_operator.api.spec import ExposeProtocol


class DryRun(StrEnum):
    """Who checks a manifest in a dry run."""

    CLIENT = "client"  # this program, without a cluster
    SERVER = "server"  # the API server, with its admission policies


Texts = list[str] | None

Name = Annotated[
    str | None, typer.Argument(help="The session's name; default: generated from the image's name.", show_default=False)
]
File = Annotated[
    Path | None, typer.Option("--filename", "-f", help="A BotSession manifest, or -, instead of the options below.")
]
Image = Annotated[str | None, typer.Option(help="The image that holds the bot.")]
Target = Annotated[str | None, typer.Option(help="The bot in it: bot.py, bots.py:function or module:function.")]
Command = Annotated[str | None, typer.Option(help="Instead of --target: a command line.")]
Body = Annotated[str | None, typer.Option(help="JSON for runner_args.body, or @FILE.")]
Transport = Annotated[
    TransportType | None, typer.Option(help="How caller and bot meet; default: the bot's own code decides.")
]
RoomUrl = Annotated[str | None, typer.Option(help="daily: the room to join.")]
Url = Annotated[str | None, typer.Option(help="livekit: the server, for example wss://rooms.example.com.")]
RoomName = Annotated[str | None, typer.Option(help="livekit: the room to join.")]
ApplicationId = Annotated[str | None, typer.Option(help="vonage: the application.")]
VonageSessionId = Annotated[str | None, typer.Option(help="vonage: the Video session to join.")]
TokenSecret = Annotated[
    str | None,
    typer.Option(
        metavar="SECRET[/KEY]",
        help="daily, livekit, vonage: the Secret that holds the room's token; the default KEY is token.",
    ),
]
Provider = Annotated[TelephonyProvider | None, typer.Option(help="websocket: the provider of telephone calls.")]
IceServer = Annotated[
    Texts, typer.Option(metavar="URL", help="smallwebrtc: a STUN server, for example stun:stun.example.com:3478.")
]
Expose = Annotated[bool, typer.Option("--expose", help="Create a Service for callers; its address is status.url.")]
Port = Annotated[
    int | None,
    typer.Option(
        metavar="PORT", min=1, max=65535, help="With --expose: the port that the bot listens on; default: 7860."
    ),
]
Protocol = Annotated[
    ExposeProtocol | None, typer.Option(help="With --expose, for a bot with its own server: the protocol of callers.")
]
ServerPath = Annotated[
    str | None, typer.Option("--path", help="With --expose, for a bot with its own server: the path of the address.")
]
Env = Annotated[Texts, typer.Option("--env", "-e", metavar="NAME=VALUE", help="An environment variable of the bot.")]
EnvFromSecret = Annotated[
    Texts, typer.Option(metavar="SECRET", help="A Secret whose keys become environment variables of the bot.")
]
MaxDuration = Annotated[str | None, typer.Option(help="maxSessionDuration, for example 15m.")]
IdleTimeout = Annotated[str | None, typer.Option(help="idleTimeout, for example 5m.")]
Farewell = Annotated[str | None, typer.Option(help="What the bot says before the session ends.")]
Python = Annotated[str | None, typer.Option(help="The Python interpreter in the image that has Pipecat.")]
Labels = Annotated[Texts, typer.Option("--label", metavar="NAME=VALUE", help="A label of the session.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the pipeline runs, or the bot waits for its caller.")]
Dry = Annotated[
    DryRun | None,
    typer.Option(help="Only check, without starting the session: here, or on the server.", show_default=False),
]
