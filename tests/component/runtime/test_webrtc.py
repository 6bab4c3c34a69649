"""Bots that wait for a WebRTC offer: a real peer connection over the loopback interface, with sound both ways."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from botsession_contract.control import SessionPatch
from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.session_limits import SessionLimits
from botsession_contract.transports import Transport, TransportType
from tests.browsers import LOUD, Browser
from tests.ports import free_port
from tests.supervision import Supervised, supervised
from tests.tones import loudness

ENOUGH = {"hangs_up": 0.5}


@asynccontextmanager
async def line(folder: Path, **launch: Any) -> AsyncIterator[Supervised]:
    """Return a bot that waits for an offer."""
    transport = Transport(TransportType.SMALLWEBRTC, host="127.0.0.1", port=free_port())
    async with supervised(folder, "answers.py", transport=transport, **{"body": ENOUGH, **launch}) as session:
        await session.until(lambda snapshot: snapshot.listening_at is not None)
        yield session


def address(session: Supervised) -> str:
    return f"http://127.0.0.1:{session.fields['transport'].port}"


async def test_client_and_bot_hear_each_other(tmp_path: Path) -> None:
    async with line(tmp_path) as session, Browser(address(session)) as browser:
        assert await browser.offer() == 200
        report = await session.report()
    assert loudness(browser.heard()) > LOUD
    assert "heard 0.5 s of sound" in session.log
    assert f"arguments SmallWebRTCRunnerArguments session {ENOUGH}" in session.log
    assert (report.reason, report.outcome, report.message) == (Reason.COMPLETED, Outcome.DRAINED, "heard enough")
    assert report.client_connected_at is not None


async def test_client_may_tell_of_more_addresses_and_offer_again(tmp_path: Path) -> None:
    async with line(tmp_path, body={}) as session, Browser(address(session)) as browser:
        await browser.offer()
        await session.in_call()
        assert await browser.tell_candidates(browser.pc_id) == 200
        assert await browser.offer() == 200


async def test_second_client_is_refused(tmp_path: Path) -> None:
    async with line(tmp_path, body={}) as session, Browser(address(session)) as first:
        await first.offer()
        async with Browser(address(session)) as second:
            assert await second.offer() == 409
            assert await second.offer(pc_id="somebody-elses") == 409
            assert await second.tell_candidates("somebody-elses") == 404


@pytest.mark.parametrize("offer", [{}, {"sdp": "", "type": "wish"}, {"sdp": "", "type": "offer", "colour": "red"}])
async def test_offer_that_cannot_be_read_leaves_the_line_free(tmp_path: Path, offer: dict[str, Any]) -> None:
    async with line(tmp_path) as session:
        async with aiohttp.ClientSession() as http, http.post(f"{address(session)}/api/offer", json=offer) as response:
            assert response.status >= 400
        async with Browser(address(session)) as browser:
            assert await browser.offer() == 200
            await session.report()


async def test_session_without_a_body_takes_the_clients(tmp_path: Path) -> None:
    async with line(tmp_path, body=None) as session, Browser(address(session)) as browser:
        await browser.offer(request_data=ENOUGH)
        report = await session.report()
    assert f"arguments SmallWebRTCRunnerArguments session {ENOUGH}" in session.log
    assert report.reason is Reason.COMPLETED


async def test_client_who_hangs_up_has_disconnected(tmp_path: Path) -> None:
    async with line(tmp_path, body={}) as session:
        async with Browser(address(session)) as browser:
            await browser.offer()
            await session.in_call()
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.CLIENT_DISCONNECTED, Outcome.CANCELLED)


async def test_client_who_gives_up_while_being_connected_has_not_come(tmp_path: Path) -> None:
    async with line(tmp_path, body={}, limits=SessionLimits(join_timeout_seconds=3600.0)) as session:
        async with Browser(address(session)) as browser:
            status, _ = await browser.ask()
        assert status == 200
        await session.running()
        await session.patch(SessionPatch(limits=SessionLimits(join_timeout_seconds=0.1)))
        report = await session.report()
    assert (report.reason, report.client_connected_at) == (Reason.NO_CLIENT, None)


async def test_nobody_offers_within_the_join_timeout(tmp_path: Path) -> None:
    async with line(tmp_path, limits=SessionLimits(join_timeout_seconds=3600.0)) as session:
        await session.patch(SessionPatch(limits=SessionLimits(join_timeout_seconds=0.1)))
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.NO_CLIENT, Outcome.NEVER_STARTED)
