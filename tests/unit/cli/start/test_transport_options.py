"""The options about transport and address make what the pages on transports show, and refuse what the CRD would."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Final

import pytest
import yaml

from botsession_contract.transports import TelephonyProvider, TransportType
from botsession_operator.api.admission import admit, session_schema
from botsession_operator.api.spec import ExposeProtocol, SpecError
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.start.manifest_builder import StartOptions, build_manifest
from botsession_operator.cli.start.transport_options import ALLOWED_WITH, REQUIRED, TransportOptions, expose, transport
from tests.apiserver import ApiServer
from tests.docs.blocks import ROOT, blocks_of
from tests.docs.shell import commands
from tests.manifests import session
from tests.unit.cli.conftest import Botsession

Json = dict[str, Any]
PAGES: Final = ("transports", "expose", "telephone")
BLOCKS: Final = [block for page in PAGES for block in blocks_of(ROOT / f"docs/how-to/{page}.md")]
#: The sessions that the pages show, and the arguments of the commands that start them, by their names.
SHOWN: Final = {
    manifest["metadata"]["name"]: manifest
    for block in BLOCKS
    if block.language == "yaml"
    for manifest in [yaml.safe_load(block.text)]
}
TYPED: Final = {
    command.words[2]: command.arguments
    for block in BLOCKS
    for command in commands(block.commands)
    if command.words[:2] == ("botsession", "start")
}
BOT: Final = ("--image", "my-bot:1", "--target", "bot.py")
ROOM: Final = {"secretKeyRef": {"name": "room", "key": "token"}}
#: A value for each option that says more of a transport, and what it is in a manifest.
VALUES: Final[dict[str, tuple[Any, Json]]] = {
    "room_url": ("https://example.daily.co/a", {"roomUrl": "https://example.daily.co/a"}),
    "url": ("wss://rooms.example.com", {"url": "wss://rooms.example.com"}),
    "room_name": ("a", {"roomName": "a"}),
    "application_id": ("a", {"applicationId": "a"}),
    "vonage_session_id": ("a", {"vonageSessionId": "a"}),
    "token_secret": ("room", {"token": ROOM}),
    "provider": (TelephonyProvider.TWILIO, {"provider": "twilio"}),
    "ice_server": (("stun:a.example",), {"iceServers": [{"urls": ["stun:a.example"]}]}),
}
ADDRESS: Final[dict[str, tuple[Any, Json]]] = {
    "port": (80, {"port": 80}),
    "protocol": (ExposeProtocol.HTTP, {"protocol": "HTTP"}),
    "path": ("/a", {"path": "/a"}),
}


def with_one_more_or_less() -> Iterator[Any]:
    """Yield for each transport the options that it needs, and the same with any one added or taken away."""
    for kind in TransportType:
        needed = frozenset(REQUIRED.get(kind, ()))
        for names in (needed, *(needed ^ {name} for name in ALLOWED_WITH)):
            yield pytest.param(kind, names, id=" ".join([kind, *sorted(names)]))


def merged(values: dict[str, tuple[Any, Json]], names: frozenset[str]) -> Json:
    """Return these options as the fields of a manifest, whether they fit together or not."""
    return {key: value for name in names for key, value in values[name][1].items()}


def members(values: dict[str, tuple[Any, Json]], names: frozenset[str]) -> Json:
    return {name: values[name][0] for name in names}


def is_refused(act: Callable[[], Any]) -> bool:
    try:
        act()
    except (CliError, SpecError):
        return True
    return False


@pytest.mark.parametrize("name", ["support-42", "support-43", "support-44", "support-45", "own-server"])
def test_commands_of_the_pages_make_their_manifests(name: str, botsession: Botsession) -> None:
    made = botsession(*TYPED[name], "--dry-run", "client", "-o", "yaml")
    assert yaml.safe_load(made.stdout) == SHOWN[name]


def test_telephone_calls_name_their_provider() -> None:
    call = TransportOptions(TransportType.WEBSOCKET, provider=TelephonyProvider.TWILIO)
    assert transport(call) == SHOWN["call-46"]["spec"]["bot"]["transport"]


def test_each_stun_server_is_one_of_the_list() -> None:
    made = transport(TransportOptions(TransportType.SMALLWEBRTC, ice_server=("stun:a.example", "stun:b.example")))
    assert made == {"type": "smallwebrtc", "iceServers": [{"urls": ["stun:a.example"]}, {"urls": ["stun:b.example"]}]}


def test_what_is_not_asked_for_is_left_to_the_defaults() -> None:
    assert (transport(TransportOptions()), expose(TransportOptions())) == (None, None)


def test_every_field_of_the_crd_has_its_option() -> None:
    spec = session_schema()["properties"]["spec"]["properties"]
    assert {"type", *merged(VALUES, frozenset(ALLOWED_WITH))} == set(
        spec["bot"]["properties"]["transport"]["properties"]
    )
    assert {*merged(ADDRESS, frozenset(ADDRESS))} == set(spec["expose"]["properties"])


@pytest.mark.parametrize(("kind", "names"), [*with_one_more_or_less()])
def test_options_of_a_transport_are_refused_just_where_the_crd_refuses_its_fields(
    kind: TransportType, names: frozenset[str]
) -> None:
    written = {"type": str(kind), **merged(VALUES, names)}
    theirs = is_refused(lambda: admit(session(spec__bot__transport=written)))
    ours = is_refused(lambda: transport(TransportOptions(kind, **members(VALUES, names))))
    assert ours == theirs


@pytest.mark.parametrize("kind", [TransportType.WEBSOCKET, TransportType.SMALLWEBRTC, None])
@pytest.mark.parametrize("names", [frozenset({"port"}), frozenset({"protocol"}), frozenset({"port", "path"})])
def test_options_of_the_address_are_refused_just_where_the_crd_refuses_its_fields(
    kind: TransportType | None, names: frozenset[str]
) -> None:
    written = {"type": str(kind or "none")}
    theirs = is_refused(lambda: admit(session(spec__bot__transport=written, spec__expose=merged(ADDRESS, names))))
    ours = is_refused(lambda: expose(TransportOptions(kind, expose=True, **members(ADDRESS, names))))
    assert ours == theirs


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param("--room-url https://a", "--room-url belongs to --transport daily", id="no transport"),
        pytest.param(
            "--transport websocket --token-secret a",
            "--token-secret belongs to --transport daily, livekit or vonage",
            id="another transport's",
        ),
        pytest.param("--transport daily", "--transport daily needs --room-url too", id="a room without an address"),
        pytest.param(
            "--transport livekit --url wss://a",
            "--transport livekit needs --room-name and --token-secret too",
            id="a room without its name",
        ),
        pytest.param(
            "--transport daily --room-url https://a --token-secret a/",
            "--token-secret a/ is not SECRET or SECRET/KEY",
            id="a key without a name",
        ),
        pytest.param("--port 80", "--port belongs to --expose", id="a port that is not exposed"),
        pytest.param(
            "--transport websocket --expose --path /a",
            "leave out --path, which follows from --transport websocket",
            id="a path that is known",
        ),
    ],
)
def test_options_that_do_not_fit_together_are_refused_before_anything_is_sent(
    options: str, sentence: str, server: ApiServer, botsession: Botsession
) -> None:
    result = botsession("start", "a", *BOT, *options.split())
    assert (result.exit_code, server.requests) == (Exit.REFUSED, [])
    assert result.stderr == f"botsession: {sentence}\n"


def test_command_line_takes_no_transport() -> None:
    options = StartOptions(image="b", command="c", transport_options=TransportOptions(TransportType.WEBSOCKET))
    with pytest.raises(CliError, match="--transport needs a --target"):
        build_manifest("a", options)


def test_manifest_leaves_nothing_to_the_options(server: ApiServer, botsession: Botsession) -> None:
    result = botsession("start", "-f", "-", "--transport", "websocket", "--expose", stdin=yaml.safe_dump(session()))
    assert (result.exit_code, server.requests) == (Exit.REFUSED, [])
    assert "-f cannot be combined with --transport, --expose" in result.stderr


@pytest.mark.parametrize(
    ("typed", "choices"),
    [("--transport", TransportType), ("--provider", TelephonyProvider), ("--protocol", ExposeProtocol)],
)
def test_choices_are_completed(typed: str, choices: type[StrEnum], botsession: Botsession) -> None:
    words = {"_BOTSESSION_COMPLETE": "complete_bash", "COMP_WORDS": f"botsession start {typed} ", "COMP_CWORD": "3"}
    assert botsession(**words).stdout.split() == [*choices]
