"""The wire form of every payload, held by files that the operator's tests read too."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from botsession_contract.control import EndRequest, Heartbeats, SessionPatch, SessionSnapshot
from botsession_contract.conversation import Conversation, ProcessorErrors
from botsession_contract.json_codec import decode, encode
from botsession_contract.launch import HeartbeatTarget, Launch
from botsession_contract.lifecycle import BotState, Cause, Farewell, Mode, Outcome, ProcessorKind, Reason, Step
from botsession_contract.report import DanglingTasks, Ending, ExitReport, Prompts, Stage, StepTaken, Timings
from botsession_contract.session_limits import IdlePrompt, SessionLimits
from botsession_contract.shutdown import Overrides, Shutdown
from botsession_contract.transports import IceServer, TelephonyProvider, Transport, TransportType

GOLDEN = Path(__file__).parent / "golden"


def at(second: int) -> datetime:
    return datetime(2026, 1, 31, 9, 30, second, 250_000, tzinfo=UTC)


ENDING = Ending(
    Cause.MAX_DURATION,
    Mode.GRACEFUL,
    at(10),
    (StepTaken(Step.END_FRAME, at(10)), StepTaken(Step.FORCED_CANCEL_FRAME, at(40))),
)
REPORT = ExitReport(
    reason=Reason.MAX_DURATION,
    outcome=Outcome.FORCED,
    finished_at=at(41),
    frame="CancelFrame",
    message="the bot said “goodbye”",
    exit_code=0,
    stuck_at="Blackhole#0",
    dangling_tasks=DanglingTasks(2, ("Leaky#0::poller", "keep_listening"), unmanaged=1),
    timings=Timings(1.25, 1.5, 31.0),
    started_at=at(2),
    client_connected_at=at(3),
    ending=replace(ENDING, farewell=Farewell.CUT_SHORT),
    client_disconnected_at=at(4),
    result={"booked": True, "slots": ["10:30", None], "note": "grüezi"},
    prompts=Prompts(2, at(30)),
    conversation=Conversation(
        has_audio=True,
        first_sound_at=at(4),
        bot_turns=3,
        caller_turns=2,
        errors=(
            ProcessorErrors(ProcessorKind.TTS, 2, "ToneTTS", "connectivity", "cannot connect", "cannot reconnect"),
            ProcessorErrors(ProcessorKind.OTHER, 1),
        ),
    ),
    conversation_ended_at=at(40),
    stages=(Stage("who-is-there", "StopFrame", 2.5, "a person"), Stage("menu", "EndFrame", 0.0)),
)
LIMITS = SessionLimits(
    60.0, 300.0, ("BotSpeakingFrame", "UserSpeakingFrame"), IdlePrompt(240.0, "Are you still there?")
)
SHUTDOWN = Shutdown(Mode.IMMEDIATE, 20.0, 5.5, "Goodbye!")
OVERRIDES = Overrides(
    max_duration=Shutdown(Mode.GRACEFUL, 60.0, 5.5, "Time is up!"),
    idle_timeout=Shutdown(Mode.GRACEFUL, 20.0, 5.5, "Are you gone? Goodbye!"),
    no_client=Shutdown(Mode.IMMEDIATE, 0.0, 5.5, ""),
    evicted=Shutdown(Mode.IMMEDIATE, 20.0, 1.0, ""),
    bot_ended=Shutdown(Mode.IMMEDIATE, 300.0, 5.5, "Goodbye!"),
    bot_cancelled=Shutdown(Mode.IMMEDIATE, 20.0, 30.0, "Goodbye!"),
)
ROOM = Transport(TransportType.LIVEKIT, room_name="support-42", url="wss://rooms.example.com")
WEBRTC = Transport(
    TransportType.SMALLWEBRTC,
    ice_servers=(IceServer(("stun:stun.example.com",)), IceServer(("turn:turn.example.com",), "bot")),
    host="127.0.0.1",
    port=7000,
)
PAYLOADS: dict[str, Any] = {
    "launch-smallest": Launch("bots", "support-42", "ab" * 32, target="bot.py"),
    "launch-room": Launch("bots", "support-42", "ab" * 32, target="bot.py", transport=ROOM),
    "transport-telephone": Transport(TransportType.WEBSOCKET, provider=TelephonyProvider.TWILIO),
    "transport-webrtc": WEBRTC,
    "launch-full": Launch(
        namespace="bots",
        name="support-42",
        token_sha256="ab" * 32,
        command=("python", "bot.py"),
        python="/app/.venv/bin/python",
        body={"customer": {"tags": ["a", None]}},
        secret_env=("OPENAI_API_KEY",),
        open_env=("VOICE",),
        max_duration_seconds=1800.0,
        limits=LIMITS,
        termination_grace_seconds=90.0,
        shutdown=SHUTDOWN,
        overrides=OVERRIDES,
        expose_port=8080,
        start_timeout_seconds=120.0,
        poke_url="http://operator/v1/poke/bots/support-42",
        heartbeat=HeartbeatTarget("operator:8476", 15.0),
        report_path="/tmp/report",
        control_host="127.0.0.1",
        control_port=0,
        control_fd=7,
        host_network=True,
    ),
    "end-request-smallest": EndRequest(Mode.GRACEFUL),
    "end-request-full": EndRequest(Mode.IMMEDIATE, Cause.DELETED, "", 0.0, 2.5),
    "session-patch-smallest": SessionPatch(at(0)),
    "session-patch-full": SessionPatch(at(0), LIMITS, SHUTDOWN, OVERRIDES),
    "session-patch-no-overrides": SessionPatch(overrides=Overrides()),
    "session-patch-first-sound": SessionPatch(
        limits=SessionLimits(first_sound_timeout_seconds=20.0), overrides=Overrides(no_sound=SHUTDOWN)
    ),
    "snapshot-starting": SessionSnapshot(BotState.STARTING, at(0)),
    "snapshot-called": SessionSnapshot(
        BotState.STARTING, at(4), bot_imported_at=at(1), listening_at=at(2), called_at=at(3)
    ),
    "snapshot-ending": SessionSnapshot(
        BotState.ENDING,
        at(12),
        at(2),
        at(3),
        at(10),
        ENDING,
        limits=LIMITS,
        tells_of_clients=True,
        client_disconnected_at=at(5),
    ),
    "snapshot-running": SessionSnapshot(
        BotState.RUNNING,
        at(12),
        at(2),
        limits=LIMITS,
        shutdown=SHUTDOWN,
        overrides=OVERRIDES,
        bot_imported_at=at(1),
        conversation=Conversation(has_audio=False),
        heartbeats=Heartbeats(30.0, 17, 5),
    ),
    "snapshot-finished": SessionSnapshot(BotState.FINISHED, at(42), at(2), at(3), at(10), ENDING, REPORT),
    "report-smallest": ExitReport(Reason.COMPLETED, Outcome.DRAINED, at(9)),
    "report-full": REPORT,
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_is_written_as_in_its_golden_file(name: str) -> None:
    assert encode(PAYLOADS[name]) == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("name", PAYLOADS)
def test_golden_file_is_read_as_its_payload(name: str) -> None:
    payload = PAYLOADS[name]
    assert decode(type(payload), json.loads((GOLDEN / f"{name}.json").read_text())) == payload


@pytest.mark.parametrize(
    ("cause", "farewell"),
    [(Cause.MAX_DURATION, "Time is up!"), (Cause.EVICTED, ""), (Cause.DELETED, "Goodbye!")],
)
def test_a_launch_says_how_the_session_ends_by_cause(cause: Cause, farewell: str) -> None:
    assert PAYLOADS["launch-full"].shutdown_for(cause).farewell == farewell


def test_a_launch_without_overrides_ends_all_alike() -> None:
    launch = PAYLOADS["launch-smallest"]
    assert all(launch.shutdown_for(cause) == launch.shutdown for cause in Cause)


def test_every_golden_file_has_a_payload() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == PAYLOADS.keys()
