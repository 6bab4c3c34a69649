"""`botsession run`, as a person has it: the real command, real supervisors, real bots, real signals."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.report import from_bytes
from tests.component.conftest import Manifest, Start
from tests.ports import free_port
from tests.supervision import BOTS


def subjects(output: str) -> Iterator[str]:
    """Return what each line of the timeline is about."""
    return (found[1] for found in re.finditer(r"^ +[\d.]+ s  (\w+) ", output, re.MULTILINE))


async def test_session_that_reaches_its_limit_drains_and_succeeds(start: Start, manifest: Manifest) -> None:
    # Long enough for the run to notice, before the end, that the pipeline runs.
    run = await start(manifest(str(BOTS / "quiet.py"), maxSessionDuration="5s"))
    assert await run.exit_code() == 0
    assert list(subjects(run.output))[-5:] == ["Running", "Ending", "step", "frame", "Succeeded"]
    assert "MaxDuration / Drained" in run.output


async def test_a_run_ends_with_its_session_whatever_is_to_be_kept(start: Start, manifest: Manifest) -> None:
    for ttl in ("0s", "never"):
        run = await start(manifest(str(BOTS / "completes.py"), podRetention="Always", ttlAfterFinished=ttl))
        assert await run.exit_code() == 0
        assert "Completed / Drained" in run.output


async def test_output_folder_holds_the_log_and_the_report(start: Start, manifest: Manifest, tmp_path: Path) -> None:
    run = await start(manifest(str(BOTS / "completes.py")))
    assert await run.exit_code() == 0
    (report,) = (tmp_path / "output").glob("hello-*.report.json")
    assert from_bytes(report.read_bytes()).reason is Reason.COMPLETED
    assert "pipeline finished: EndFrame" in (tmp_path / "output" / "bot.log").read_text()
    assert str(report) in run.output


async def test_module_of_the_bots_breaks_the_bot_and_not_its_supervisor(
    start: Start, manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "calendar.py").write_text("raise RuntimeError('no dates here')\n")
    (tmp_path / "dated.py").write_text("import calendar\n")
    run = await start(manifest("dated.py"))
    assert await run.exit_code() == 1
    assert "the bot exited with code 1" in run.output
    assert "RuntimeError: no dates here" in run.output


async def test_bot_that_cannot_be_imported_fails_and_says_where(
    start: Start, manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("import asyncio\n\nraise RuntimeError('no model here')\n")
    run = await start(manifest("broken.py"))
    assert await run.exit_code() == 1
    assert "RuntimeError: no model here (broken.py:3 in <module>)" in run.output
    assert "Traceback (most recent call last)" in run.output


SESSION = "{apiVersion: botsession.dev/v1alpha1, kind: BotSession, metadata: {name: a}, spec: {bot: {image: b%s}}}\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(SESSION % ", traget: bot.py", 'unknown field "spec.bot.traget"', id="a field that does not exist"),
        pytest.param("a: 1\n---\nb: 2\n", "must contain one BotSession, but contains 2 documents", id="two documents"),
        pytest.param("a: [", "is not YAML", id="no YAML"),
    ],
)
async def test_unacceptable_manifest_is_refused_with_a_sentence(
    text: str, sentence: str, start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "session.yaml"
    file.write_text(text)
    run = await start(file)
    assert await run.exit_code() == 2
    assert sentence in run.output
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("option", [(), ("--watch",)])
async def test_file_that_is_not_there_is_not_found(start: Start, tmp_path: Path, option: tuple[str, ...]) -> None:
    run = await start(tmp_path / "nowhere" / "session.yaml", *option)
    assert await run.exit_code() == 3
    assert run.output.strip().endswith("nowhere/session.yaml cannot be read: No such file or directory")


async def test_summary_shows_what_the_bot_handed_over(start: Start, manifest: Manifest) -> None:
    run = await start(manifest(str(BOTS / "hands_over.py"), body={"booked": True}))
    assert await run.exit_code() == 0
    assert re.search(r'^result +{"booked": true}$', run.output, re.MULTILINE)


async def test_a_run_gives_a_bot_what_a_cluster_would(start: Start, manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "shows.py").write_text("import os\nprint('MADE', os.environ['MADE'], os.environ['BOTSESSION_BODY'])\n")
    env = [{"name": "GREETING", "value": 'Say "hello"'}, {"name": "MADE", "value": "$(GREETING) for $$5 $(NONE)"}]
    session = yaml.safe_load(manifest("x.py").read_text())
    command = [sys.executable, "shows.py"]
    session["spec"]["bot"] = {"image": "unused", "command": command, "env": env, "body": "$(GREETING) $$5 $(NONE)"}
    file = tmp_path / "session.yaml"
    file.write_text(yaml.safe_dump(session))
    run = await start(file)
    await run.exit_code()
    written = (tmp_path / "output" / "bot.log").read_text()
    assert 'MADE Say "hello" for $5 $(NONE) "$(GREETING) $$5 $(NONE)"' in written


async def test_variables_are_given_or_missed_at_once(start: Start, manifest: Manifest, tmp_path: Path) -> None:
    names = "'NAMESPACE', 'MEMORY', 'SIDECAR'"
    (tmp_path / "shows.py").write_text(f"import os\nprint('GIVEN', *(os.environ[name] for name in ({names})))\n")
    session = yaml.safe_load(manifest("x.py").read_text())
    memory = {"resource": "limits.memory", "divisor": "1Mi"}
    sidecar = {"name": "recorder", "image": "recorder:1", "resources": {"limits": {"memory": "64Mi"}}}
    session["spec"]["podTemplate"] = {"spec": {"containers": [sidecar]}}
    session["spec"]["bot"] = {
        "image": "unused",
        "command": [sys.executable, "shows.py"],
        "env": [
            {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "MEMORY", "valueFrom": {"resourceFieldRef": memory}},
            {"name": "SIDECAR", "valueFrom": {"resourceFieldRef": {**memory, "containerName": "recorder"}}},
            {"name": "NOT_HERE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
        ],
        "resources": {"limits": {"memory": "1Gi"}},
    }
    file = tmp_path / "session.yaml"
    file.write_text(yaml.safe_dump(session))
    run = await start(file)
    await run.exit_code()
    assert "GIVEN default 1024 64" in (tmp_path / "output" / "bot.log").read_text()

    session["spec"]["bot"]["env"][-1]["valueFrom"]["secretKeyRef"]["optional"] = False
    file.write_text(yaml.safe_dump(session))
    run = await start(file)
    assert await run.exit_code() == 2
    assert "there are no Secrets here (Secret s, key k); set NOT_HERE in your environment instead" in run.output


async def test_interrupt_ends_the_session_gracefully(start: Start, manifest: Manifest) -> None:
    run = await start(manifest(str(BOTS / "quiet.py")))
    await run.until("the pipeline runs")
    run.interrupt()
    assert await run.exit_code() == 0
    assert f"{Reason.END_REQUESTED} / {Outcome.DRAINED}" in run.output


async def test_second_interrupt_ends_a_bot_that_does_not_drain(start: Start, manifest: Manifest) -> None:
    run = await start(manifest(str(BOTS / "swallows_end.py"), shutdown={"gracePeriod": "10m"}))
    await run.until("the pipeline runs")
    run.interrupt()
    await run.until("EndFrame queued")
    run.interrupt()
    assert await run.exit_code() == 0
    assert f"{Reason.END_REQUESTED} / {Outcome.FORCED}" in run.output


async def test_nothing_outlives_a_run_that_is_killed(start: Start, manifest: Manifest) -> None:
    run = await start(manifest(str(BOTS / "quiet.py")), "--caller", "sleep 600")
    await run.until("the pipeline runs")
    run.process.kill()
    await run.exit_code()
    run.wait_until_none_runs()


CALLER = """
import json
for at, event, detail in ((0, "connected", ""), (2.5, "said", "hello"), (1.0, "heard", "good day")):
    print(json.dumps({"at": at, "event": event, "detail": detail}), flush=True)
print(json.dumps({"recording": "calls/1.wav"}))
"""


async def test_callers_lines_and_recording_are_shown(start: Start, manifest: Manifest, tmp_path: Path) -> None:
    script = tmp_path / "caller.py"
    script.write_text(CALLER)
    run = await start(
        manifest(str(BOTS / "quiet.py"), maxSessionDuration="1s"), "--caller", f"{sys.executable} {script}"
    )
    assert await run.exit_code() == 0
    live, _, afterwards = run.output.partition("in the caller's recording")
    assert "caller      said: hello" in live
    assert "caller      heard: good day" in afterwards
    assert re.search(r"^recording +calls/1.wav$", afterwards, re.MULTILINE)


async def test_caller_that_fails_fails_the_run(start: Start, manifest: Manifest) -> None:
    run = await start(manifest(str(BOTS / "quiet.py"), maxSessionDuration="1s"), "--caller", "false")
    assert await run.exit_code() == 1
    assert "the caller exited with 1" in run.output


async def test_interrupt_sends_home_a_caller_that_stays(start: Start, manifest: Manifest) -> None:
    run = await start(manifest(str(BOTS / "quiet.py"), maxSessionDuration="1s"), "--caller", "sleep 600")
    await run.until("Succeeded")
    run.interrupt()
    assert await run.exit_code() == 0


async def test_end_that_is_asked_for_after_a_time_comes_by_itself(start: Start, manifest: Manifest) -> None:
    run = await start(manifest(str(BOTS / "quiet.py")), "--end-after", "500ms")
    assert await run.exit_code() == 0
    assert f"{Reason.END_REQUESTED} / {Outcome.DRAINED}" in run.output


async def test_end_may_be_asked_for_at_once(start: Start, manifest: Manifest) -> None:
    run = await start(manifest(str(BOTS / "quiet.py")), "--end-after", "500ms", "--mode", "Immediate")
    assert await run.exit_code() == 0
    assert f"{Reason.END_REQUESTED} / {Outcome.CANCELLED}" in run.output


async def test_session_ends_the_same_with_its_operator_killed_in_every_phase(start: Start, manifest: Manifest) -> None:
    file = manifest(str(BOTS / "quiet.py"), maxSessionDuration="2s")
    run = await start(file, "--kill", "operator")
    assert await run.exit_code() == 0
    assert run.output.count("the operator was killed") >= 3
    assert f"{Reason.MAX_DURATION} / {Outcome.DRAINED}" in run.output


async def test_session_starts_anew_when_its_bot_changes(start: Start, manifest: Manifest, tmp_path: Path) -> None:
    bot = tmp_path / "own.py"
    bot.write_text(f"import sys\n\nsys.path.insert(0, {str(BOTS)!r})\nfrom quiet import bot\n")
    run = await start(manifest("own.py"), "--watch")
    await run.until("the pipeline runs")
    bot.write_text(f"{bot.read_text()}\nprint('changed')\n")
    await run.until("own.py: restarting")
    run.output = ""
    await run.until("the pipeline runs")
    run.interrupt()
    assert await run.exit_code() == 0


async def test_manifest_that_is_mended_starts_the_session(start: Start, manifest: Manifest, tmp_path: Path) -> None:
    file = manifest(str(BOTS / "completes.py"))
    good = file.read_text()
    file.write_text("a: [")
    run = await start(file, "--watch")
    await run.until("Waiting for a change")
    file.write_text(good)
    await run.until("Completed / Drained")
    run.output = ""
    await run.until("Waiting for a change")
    run.interrupt()
    await run.exit_code()


async def test_interpreter_without_pipecat_is_refused_before_anything_runs(
    start: Start, manifest: Manifest, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nunset PYTHONPATH\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    run = await start(manifest(str(BOTS / "quiet.py")), "--python", str(bare))
    assert await run.exit_code() == 2
    assert "has no pipecat-ai and no botsession-operator" in run.output


async def test_bot_that_listens_is_called_on_this_machine(start: Start, manifest: Manifest) -> None:
    port = free_port()
    address = f"ws://127.0.0.1:{port}/ws"
    listens = {"transport": {"type": "websocket"}, "body": {"hangs_up": 0.5}}
    file = manifest(str(BOTS / "answers.py"), bot=listens, expose={"port": port})
    run = await start(file, "--caller", f"{sys.executable} {BOTS / 'calls.py'} {address}")
    assert await run.exit_code() == 0
    assert f"the bot waits for its caller at {address}" in run.output
    assert "Completed / Drained" in run.output


async def test_server_of_its_own_waits_for_its_caller(start: Start, manifest: Manifest) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = {"command": [sys.executable, str(BOTS / "serves.py"), str(port)]}
    call = (
        f"import urllib.request; urllib.request.urlopen(urllib.request.Request('{address}/api/offer', method='POST'))"
    )
    file = manifest(None, bot=command, expose={"port": port})
    run = await start(file, "--caller", f'{sys.executable} -c "{call}"')
    assert await run.exit_code() == 0
    assert f"the bot waits for its caller at {address}" in run.output
    assert "Completed / Drained" in run.output


async def test_bot_that_nobody_calls_has_succeeded(start: Start, manifest: Manifest) -> None:
    listens = {"transport": {"type": "smallwebrtc"}}
    file = manifest(str(BOTS / "answers.py"), bot=listens, expose={"port": free_port()}, joinTimeout="1s")
    run = await start(file)
    assert await run.exit_code() == 0
    assert "NoClient / NeverStarted: no caller had connected" in run.output


async def test_silent_bot_is_ended_and_its_silence_explained(start: Start, manifest: Manifest) -> None:
    body = {"port": free_port(), "calls": True, "voice": "none", "model": "dies"}
    run = await start(manifest(str(BOTS / "heard.py"), bot={"body": body}, firstSoundTimeout="1s"))
    assert await run.exit_code() == 1
    assert "NoSound / Drained: FarModel: ConnectionRefusedError: cannot reach" in run.output
    summary = dict(re.findall(r"^(heard|errors) +(.*)$", run.output, re.MULTILINE))
    assert summary["heard"] == "nothing"
    assert summary["errors"].startswith("1 of FarModel (connectivity): ConnectionRefusedError: ")


async def test_the_summary_says_when_the_bot_was_heard(start: Start, manifest: Manifest) -> None:
    body = {"port": free_port(), "calls": True, "greets": 1, "ends": True}
    run = await start(manifest(str(BOTS / "heard.py"), bot={"body": body}))
    assert await run.exit_code() == 0
    assert re.search(r"^heard +the bot, first after [0-9.]+ m?s$", run.output, re.MULTILINE)
