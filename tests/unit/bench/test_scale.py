"""The benchmark of many sessions: what it counts, and how it reports it. Times are for people, so none is asserted."""

import asyncio
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from botsession_contract.control import EndRequest, SessionPatch, snapshot_from_bytes
from botsession_contract.credentials import token_digest
from botsession_contract.heartbeat import from_datagram, heartbeat_id, heartbeat_key
from botsession_contract.json_codec import encode, parse_time
from botsession_contract.lifecycle import BotState, Cause, Mode
from botsession_operator.heartbeat_listener import heartbeats
from tests.bench import bar_chart, deadlines, lives, operator_process, scale_report, stand_in
from tests.bench.audit import Request
from tests.bench.bar_chart import Chart
from tests.bench.stand_in import StandIns

HEAD = "{method} /v1/session HTTP/1.1\r\nHost: pod\r\nAuthorization: Bearer {token}\r\n\r\n"
END = json.dumps(encode(EndRequest(Mode.GRACEFUL, Cause.MAX_DURATION))).encode()


def request(verb: str, resource: str, user: str = "operator") -> Request:
    return Request(verb, resource, "name", user, 200, 0.0, 0.0)


def test_requests_of_a_life_are_the_operators_alone() -> None:
    asked = [
        *[request("create", "pods")] * 4,
        *[request("patch", "botsessions/status")] * 8,
        request("get", "pods"),
        request("create", "events"),
        request("patch", "pods/status", "kwok"),
    ]
    found = lives.per_life(asked, 4)
    assert found == {
        "writes": 3,
        "reads": 0.25,
        "events": 0.25,
        "create events": 0.25,
        "create pods": 1,
        "get pods": 0.25,
        "patch botsessions/status": 2,
    }


def test_leader_and_standby_are_measured_apart() -> None:
    before = operator_process.parse("a 100 50 2048\nb 10 0 1024\nleft 1\n")
    after = operator_process.parse("a 150 100 4096\nb 11 0 1024\n")
    assert operator_process.used(before, after, leader="a") == {
        "cpu": 1.0,
        "rss": 4096 * 1024,
        "standby_cpu": pytest.approx(0.01),
        "standby_rss": 1024 * 1024,
    }


def test_operator_alone_has_no_standby() -> None:
    alone = operator_process.parse("a 100 50 2048\n")
    assert operator_process.used(alone, alone, leader="a")["standby_rss"] is None


def test_stand_in_notes_each_order_to_end_once(tmp_path: Path) -> None:
    supervisors = StandIns(tmp_path / "ends")
    for method, body in (("GET", b""), ("POST", END), ("POST", END)):
        said = supervisors.answer(HEAD.format(method=method, token="a"), body)
    assert snapshot_from_bytes(json.dumps(said).encode()).state is BotState.ENDING
    (noted,) = (tmp_path / "ends").read_text().splitlines()
    assert json.loads(noted)["ending"]["cause"] == "MaxDuration"


def test_stand_in_keeps_sessions_apart_by_their_tokens(tmp_path: Path) -> None:
    supervisors = StandIns(tmp_path / "ends")
    supervisors.answer(HEAD.format(method="POST", token="a"), END)
    said = supervisors.answer(HEAD.format(method="GET", token="b"), b"")
    assert said["state"] == "Running"


def test_stand_in_takes_another_deadline(tmp_path: Path) -> None:
    deadline = parse_time("2030-01-01T00:00:00.000001Z")
    body = json.dumps(encode(SessionPatch(deadline=deadline))).encode()
    said = StandIns(tmp_path / "ends").answer(HEAD.format(method="PATCH", token="a"), body)
    assert snapshot_from_bytes(json.dumps(said).encode()).deadline == deadline


def test_only_orders_that_a_deadline_caused_are_late() -> None:
    def end(cause: str, at: str) -> dict[str, Any]:
        return {"started": "2030-01-01T00:00:00Z", "ending": {"cause": cause, "requestedAt": at}}

    due = f"2030-01-01T00:00:{deadlines.DURATION_SECONDS:02}"
    ends = [end("MaxDuration", f"{due}.250Z"), end("Deleted", f"{due}.900Z")]
    assert deadlines.late(ends) == [pytest.approx(0.25)]


SIZE = {
    "sessions": 1000,
    "start": {"count": 1000, "seconds": 20.0, "cpu": 0.008, "requests": 4.0},
    "quiet": {"cpu": 0.05, "rss": 2**27, "standby_cpu": None, "standby_rss": None, "requests": 0.0},
    "deadlines": [0.01, 0.02],
    "restart": {"ready": 3.0, "running": 1.0},
}
LIFE = {"count": 300, "seconds": 6.0, "cpu": 0.008, "shares": {"etcd": 0.2}}
SAMPLES: dict[str, Any] = {
    "lives": {**LIFE, "requests": {"writes": 6.0, "events": 3.0, "reads": 0.0}},
    "jobs": {"count": 300, "seconds": 60.0},
    "pods": {"count": 1000, "seconds": 5.0},
    "sizes": [SIZE],
}


def test_lives_are_compared_with_the_jobs_of_the_same_run() -> None:
    rows = {name: measured for name, measured, _ in scale_report.rate_rows(SAMPLES)}
    assert rows["sessions created, run and finished, a second"] == "50.0"
    assert rows["ratio of the two"] == "10.0"


def test_stage_that_was_left_out_has_no_row() -> None:
    rows = {row[0]: row[1:] for row in scale_report.crowd_rows([SIZE, {"sessions": 3000, "start": SIZE["start"]}])}
    assert rows["running, a second"] == ["50.0", "50.0"]
    assert rows["cold restart: until ready"] == ["3.00 s", "-"]
    assert not [name for name in rows if "standby" in name or "killed" in name]


def test_chart_shows_each_size_and_its_goal() -> None:
    drawn = ElementTree.fromstring(bar_chart.svg(scale_report.charts(SAMPLES)))  # noqa: S314  # our own text
    texts = [element.text or "" for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "Quiet: memory of the leader (goal: at most 400 MiB)" in texts
    assert "128 MiB" in texts


def test_run_that_has_no_size_yet_has_a_chart() -> None:
    (chart,) = scale_report.charts({"lives": SAMPLES["lives"], "jobs": SAMPLES["jobs"], "sizes": []})
    assert dict(chart.bars) == {"sessions": 50.0, "Jobs": 5.0}


def test_run_without_lives_has_a_table() -> None:
    (row,) = scale_report.rate_rows({"pods": SAMPLES["pods"], "sizes": []})
    assert row[1] == "200.0"


def test_longest_bar_fits_and_the_others_are_in_proportion() -> None:
    drawn = ElementTree.fromstring(bar_chart.svg([Chart("a & b", "s", [("x", 1.0), ("y", 4.0)], goal=8.0)]))  # noqa: S314
    widths = [float(element.attrib["width"]) for element in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths == [pytest.approx(bar_chart.BARS / 8, abs=0.1), pytest.approx(bar_chart.BARS / 2, abs=0.1)]


async def test_stand_in_sends_heartbeats_that_an_operator_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()
    supervisors, digest = StandIns(tmp_path / "ends"), token_digest("a")
    with heartbeats("127.0.0.1", 0, received.put_nowait) as port:
        monkeypatch.setattr(stand_in, "HEARTBEAT_PORT", port)
        monkeypatch.setattr(stand_in, "BEAT_SECONDS", 0.01)
        supervisors.answer(HEAD.format(method="GET", token="a"), b"")
        supervisors.beat_to("127.0.0.1", "a")
        beats = [from_datagram(await received.get()) for _ in range(2)]

    assert [(beat.session, beat.sequence, beat.is_authentic(heartbeat_key(digest))) for beat in beats if beat] == [
        (heartbeat_id(digest), 1, True),
        (heartbeat_id(digest), 2, True),
    ]
