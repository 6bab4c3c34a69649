"""Bots that join a room: they are given its fields and its token, and nobody else is given the token."""

from pathlib import Path

import pytest

from botsession_contract.lifecycle import Reason
from botsession_contract.transports import Transport, TransportType
from tests.supervision import supervised

ROOM = Transport(TransportType.LIVEKIT, room_name="support-42", url="wss://rooms.example.com")


@pytest.mark.parametrize(
    ("transport", "told"),
    [
        pytest.param(
            Transport(TransportType.DAILY, room_url="https://example.daily.co/a"),
            "DailyRunnerArguments {'room_url': 'https://example.daily.co/a', 'token': 'sesame', ",
            id="daily",
        ),
        pytest.param(
            ROOM,
            "LiveKitRunnerArguments {'room_name': 'support-42', 'url': 'wss://rooms.example.com', 'token': 'sesame', ",
            id="livekit",
        ),
        pytest.param(
            Transport(TransportType.VONAGE, application_id="app", vonage_session_id="1_a"),
            "VonageRunnerArguments {'application_id': 'app', 'vonage_session_id': '1_a', 'token': 'sesame', ",
            id="vonage",
        ),
    ],
)
async def test_bot_is_given_its_room(tmp_path: Path, transport: Transport, told: str) -> None:
    session = supervised(tmp_path, "tells_secrets.py", transport=transport, body={"customer": "42"})
    session.env["BOTSESSION_TOKEN"] = "sesame"
    async with session:
        await session.report()
    assert f"told: {told}'body': {{'customer': '42'}}, 'session_id': 'session'}}" in session.log
    assert "environment: []" in session.log


async def test_room_without_a_token(tmp_path: Path) -> None:
    transport = Transport(TransportType.DAILY, room_url="https://example.daily.co/a")
    async with supervised(tmp_path, "tells_secrets.py", transport=transport) as session:
        await session.report()
    assert "'token': None" in session.log


async def test_token_is_kept_out_of_the_report(tmp_path: Path) -> None:
    session = supervised(tmp_path, "tells_secrets.py", transport=ROOM, secret_env=("BOTSESSION_TOKEN",))
    session.env["BOTSESSION_TOKEN"] = "eyJhbGciOiJIUzI1NiJ9"
    async with session:
        report = await session.report()
    assert report.reason is Reason.BOT_ERROR
    assert report.message
    assert "the token is" in report.message
    assert "eyJhbGciOiJIUzI1NiJ9" not in report.message
