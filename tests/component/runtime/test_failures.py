"""What is said of bots that cannot run, crash, or never meet the hook: each by a sentence of its own."""

from pathlib import Path

import pytest

from botsession_contract.lifecycle import BotState, Outcome, Reason, Step
from botsession_contract.report import ExitReport
from tests import supervision
from tests.pipecats import every_pipecat, fact
from tests.processes import wait_for_exit
from tests.supervision import BOTS, QUICK, Supervised, supervised


def write(folder: Path, text: str) -> Path:
    path = folder / "bot.py"
    path.write_text(text)
    return path


async def report_of(session: Supervised) -> ExitReport:
    async with session:
        return await session.report()


@pytest.mark.parametrize(
    ("bot", "message"),
    [
        pytest.param("nowhere.py", "there is no file {bots}/nowhere.py in {cwd}", id="no such file"),
        pytest.param("no_bot.py", "{bots}/no_bot.py has no function bot", id="no bot function"),
        pytest.param(
            "not_async.py",
            "bot in {bots}/not_async.py must be an async function: async def bot(runner_args); "
            "it returned NoneType, which cannot be awaited",
            id="a bot function that is not async",
        ),
        pytest.param(
            "crashes_early.py",
            "ValueError: no credentials (crashes_early.py:6 in read_credentials)",
            id="an exception before the pipeline",
        ),
        pytest.param(
            "leaks_cancellation.py",
            "CancelledError: the model's connection was cancelled (leaks_cancellation.py:8 in connect)",
            id="a cancellation before the pipeline",
        ),
        pytest.param(
            "no_arguments.py",
            "bot in {bots}/no_arguments.py must be an async function: async def bot(runner_args); "
            "it cannot be called like that: too many positional arguments",
            id="a bot function without a parameter",
        ),
    ],
)
async def test_bot_that_cannot_run_says_why(tmp_path: Path, bot: str, message: str) -> None:
    report = await report_of(supervised(tmp_path, bot))
    assert (report.reason, report.outcome, report.exit_code) == (Reason.BOT_ERROR, Outcome.NEVER_STARTED, 1)
    assert report.message == message.format(bots=BOTS, cwd=tmp_path)


@every_pipecat
@fact("a bot that cannot be imported is a `BotError` that says why")
async def test_missing_package_is_named(tmp_path: Path) -> None:
    report = await report_of(supervised(tmp_path, "import_error.py"))
    assert (report.reason, report.outcome, report.exit_code) == (Reason.BOT_ERROR, Outcome.NEVER_STARTED, 1)
    assert report.message == (
        f"{BOTS}/import_error.py could not be imported: "
        "ModuleNotFoundError: No module named 'no_such_package' (import_error.py:3 in <module>)"
    )


async def test_secret_that_an_exception_quotes_is_not_reported(tmp_path: Path) -> None:
    path = write(
        tmp_path, "import os\nasync def bot(runner_args):\n    raise ValueError('bad ' + os.environ['VAULT'])\n"
    )
    session = Supervised(tmp_path, str(path), secret_env=("VAULT",))
    session.env = {"VAULT": "hvs.CAESIJ"}
    report = await report_of(session)
    assert report.message == "ValueError: bad [redacted] (bot.py:3 in bot)"


async def test_whole_secret_that_an_exception_quotes_is_not_reported(tmp_path: Path) -> None:
    path = write(
        tmp_path, "import os\nasync def bot(_):\n    raise ValueError('{CRM} at {VOICE}'.format(**os.environ))\n"
    )
    session = Supervised(tmp_path, str(path), open_env=("VOICE",))
    session.env = {"CRM": "acme-4711", "VOICE": "sonic-english"}
    report = await report_of(session)
    assert report.message == "ValueError: [redacted] at sonic-english (bot.py:3 in bot)"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        pytest.param(
            "import sys\nsys.exit('no key:\\n set \x1b[31mLLM_KEY')\n",
            1,
            "no key: set \\x1b[31mLLM_KEY; the bot exited with code 1 while it was imported",
            id="a sentence at the import",
        ),
        pytest.param(
            "import sys\nsys.exit(3)\n",
            3,
            "the bot exited with code 3 while it was imported",
            id="a code at the import",
        ),
        pytest.param(
            "import os\nos._exit(4)\n", 4, "the bot exited with code 4 while it was imported", id="gone at the import"
        ),
        pytest.param(
            "async def bot(_):\n    raise SystemExit('no room is free')\n",
            1,
            "no room is free; the bot exited with code 1 without running a Pipecat worker",
            id="a sentence in bot()",
        ),
        pytest.param(
            "import asyncio\nasync def leave():\n    raise SystemExit('no room is free')\n"
            "async def bot(_):\n    await asyncio.create_task(leave())\n",
            1,
            "no room is free; the bot exited with code 1 without running a Pipecat worker",
            id="a sentence in another task",
        ),
    ],
)
async def test_bot_that_leaves_by_itself_has_its_sentence_told(
    tmp_path: Path, text: str, code: int, message: str
) -> None:
    report = await report_of(Supervised(tmp_path, str(write(tmp_path, text))))
    assert (report.reason, report.outcome, report.exit_code) == (Reason.BOT_EXITED, Outcome.NEVER_STARTED, code)
    assert report.message == message


async def test_secret_in_a_last_sentence_is_not_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "import os, sys\nsys.exit('key ' + os.environ['VAULT'] + ' was refused')\n")
    session = Supervised(tmp_path, str(path), secret_env=("VAULT",))
    session.env = {"VAULT": "hvs.CAESIJ"}
    report = await report_of(session)
    assert report.message == "key [redacted] was refused; the bot exited with code 1 while it was imported"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "raise Shy",
            "{path} raised while it was imported: Shy: a text that cannot be shown (KeyError) (bot.py:4 in <module>)",
        ),
        ("async def bot(_):\n    raise Shy", "Shy: a text that cannot be shown (KeyError) (bot.py:5 in bot)"),
    ],
)
async def test_exception_that_has_no_text_keeps_its_class(tmp_path: Path, text: str, message: str) -> None:
    shy = "class Shy(Exception):\n    def __str__(self):\n        raise KeyError\n"
    path = write(tmp_path, f"{shy}{text}\n")
    report = await report_of(Supervised(tmp_path, str(path)))
    assert (report.reason, report.message) == (Reason.BOT_ERROR, message.format(path=path))


async def test_bot_that_leaves_in_the_middle_is_bounded_and_its_sentence_told(tmp_path: Path) -> None:
    report = await report_of(supervised(tmp_path, "crashes_late.py", body={"how": "leave"}, shutdown=QUICK))
    assert report.reason is Reason.BOT_EXITED
    assert report.message == "lost my notes; the process did not exit and was killed"


async def test_script_that_leaves_after_its_call_has_its_sentence_told(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "import asyncio, os, sys, types\nsys.path.append(os.environ['BOTS'])\nimport completes\n"
        "async def main():\n    await completes.bot(types.SimpleNamespace(body=None))\n"
        "    sys.exit('could not save the notes')\n"
        "asyncio.run(main())\n",
    )
    session = Supervised(tmp_path, None, command=(supervision.PYTHON, str(path)))
    session.env = {"BOTS": str(BOTS)}
    report = await report_of(session)
    assert (report.reason, report.outcome, report.exit_code) == (Reason.COMPLETED, Outcome.DRAINED, 1)
    assert report.message is not None
    assert report.message.endswith(
        "could not save the notes; the bot exited with code 1 after its pipeline had finished"
    )


async def test_syntax_error_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, "async def bot(runner_args):\n    return (\n")
    report = await report_of(Supervised(tmp_path, str(path)))
    assert report.message == "bot.py:2 has a syntax error: '(' was never closed"
    assert report.reason is Reason.BOT_ERROR


async def test_module_and_function_name_a_bot_too(tmp_path: Path) -> None:
    write(tmp_path, "async def talk(runner_args):\n    raise ValueError(runner_args.body['topic'])\n")
    report = await report_of(Supervised(tmp_path, "bot:talk", body={"topic": "weather"}))
    assert report.message == "ValueError: weather (bot.py:2 in talk)"


async def test_interpreter_without_pipecat_is_named(tmp_path: Path) -> None:
    session = Supervised(tmp_path, "bot.py")
    # An isolated start-up without site-packages is an interpreter that has no Pipecat.
    bare = write(tmp_path, "")
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nexec {session.fields["python"]} -S "$@"\n')
    wrapper.chmod(0o755)
    report = await report_of(Supervised(tmp_path, str(bare), python=str(wrapper)))
    assert report.reason is Reason.BOT_ERROR
    assert report.message is not None
    assert report.message.startswith("pipecat is not installed for the interpreter ")


async def test_interpreter_that_does_not_exist_is_named(tmp_path: Path) -> None:
    report = await report_of(supervised(tmp_path, "quiet.py", python="/no/such/python"))
    assert (report.reason, report.outcome) == (Reason.BOT_ERROR, Outcome.NEVER_STARTED)
    assert report.message == "/no/such/python cannot be executed: No such file or directory"


@every_pipecat
@fact("a bot that returns without a pipeline is `BotExited`")
async def test_bot_that_returns_without_a_worker(tmp_path: Path) -> None:
    report = await report_of(supervised(tmp_path, "returns.py"))
    assert (report.reason, report.outcome) == (Reason.BOT_EXITED, Outcome.NEVER_STARTED)
    assert report.message == "the bot returned without running a Pipecat worker"


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("exit", 3, "the bot exited with code 3 before its pipeline had finished"),
        ("segv", 139, "the bot was ended by SIGSEGV before its pipeline had finished"),
    ],
)
async def test_process_that_goes_away_in_the_middle(tmp_path: Path, how: str, code: int, message: str) -> None:
    report = await report_of(supervised(tmp_path, "crashes_late.py", body={"how": how}))
    assert (report.reason, report.outcome) == (Reason.BOT_EXITED, Outcome.LOST)
    assert (report.exit_code, report.message) == (code, message)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("exit", "the bot exited with code 3 after its pipeline had finished"),
        ("segv", "the bot was ended by SIGSEGV after its pipeline had finished"),
        ("block", "the pipeline had finished, but the process did not exit and was killed"),
    ],
)
async def test_bot_whose_own_handler_of_the_end_never_returns_had_ended_well(
    tmp_path: Path, how: str, message: str
) -> None:
    report = await report_of(supervised(tmp_path, "dies_finishing.py", body={"how": how}, shutdown=QUICK))
    assert (report.reason, report.outcome, report.frame) == (Reason.COMPLETED, Outcome.DRAINED, "EndFrame")
    assert report.message == f"survey complete; {message}"
    assert report.conversation_ended_at is not None
    assert report.ending is not None
    assert Step.FORCED_CANCEL_FRAME not in [taken.step for taken in report.ending.steps]


@every_pipecat
@fact("an exception in the middle is a `BotError`, and the bot does not hang")
async def test_exception_in_the_middle_ends_a_bot_that_pipecat_would_hang(tmp_path: Path) -> None:
    report = await report_of(supervised(tmp_path, "crashes_late.py", body={"how": "raise"}, shutdown=QUICK))
    assert (report.reason, report.outcome) == (Reason.BOT_ERROR, Outcome.KILLED)
    crash = "RuntimeError: lost my notes (crashes_late.py:28 in bot)"
    assert report.message == f"{crash}; the process did not exit and was killed"


@every_pipecat
@fact("a script that is run by `command` is supervised unchanged")
async def test_plain_script_is_supervised_unchanged(tmp_path: Path) -> None:
    python = supervised(tmp_path, "").fields["python"]
    command = ("sh", "-c", f"{python} {BOTS}/script.py; exit $?")
    async with Supervised(tmp_path, None, command=command) as session:
        await session.running()
        await session.end()
        report = await session.report()
    assert (report.outcome, report.exit_code) == (Outcome.DRAINED, 0)


async def test_command_that_never_meets_the_hook_is_told_what_to_look_at(tmp_path: Path) -> None:
    report = await report_of(Supervised(tmp_path, None, command=("sh", "-c", "exit 4")))
    assert (report.reason, report.outcome, report.exit_code) == (Reason.BOT_EXITED, Outcome.NEVER_STARTED, 4)
    assert report.message is not None
    assert report.message.startswith("the bot exited with code 4 and Pipecat never loaded the hook: ")


async def test_start_timeout_without_a_hook_is_told_what_to_look_at(tmp_path: Path) -> None:
    async with Supervised(tmp_path, None, command=("sleep", "600")) as session:
        await session.end(cause="StartTimeout")
        report = await session.report()
    assert (report.reason, report.outcome) == (Reason.START_TIMEOUT, Outcome.NEVER_STARTED)
    assert report.message is not None
    assert report.message.startswith("Pipecat never loaded the hook: ")


async def test_bot_that_is_slow_to_be_imported_is_not_imported(tmp_path: Path) -> None:
    async with supervised(tmp_path, "imports_slowly.py") as session:
        await session.logged("importing")
        snapshot = await session.snapshot()
        await session.end(cause="StartTimeout")
        report = await session.report()
    assert (snapshot.bot_imported_at, report.timings.bot_imported) == (None, None)
    assert report.message == "the bot was still being imported"


async def test_bot_whose_pipeline_does_not_start_is_imported(tmp_path: Path) -> None:
    async with supervised(tmp_path, "starts_never.py") as session:
        await session.logged("StartFrame was kept")
        snapshot = await session.until(lambda seen: seen.bot_imported_at is not None)
        await session.end(cause="StartTimeout")
        report = await session.report()
    assert snapshot.state is BotState.STARTING
    assert (report.reason, report.outcome) == (Reason.START_TIMEOUT, Outcome.NEVER_STARTED)
    assert report.message == "the pipeline had not started"


async def test_orphan_in_a_session_of_its_own_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    report = await report_of(supervised(tmp_path, "orphans.py", body={"pid_file": str(pid_file)}))
    assert report.outcome is Outcome.DRAINED
    assert wait_for_exit(int(pid_file.read_text()))


async def test_orphan_of_a_bot_that_is_gone_before_its_supervisor_is_there_is_killed(tmp_path: Path) -> None:
    command = ("sh", "-c", "setsid sleep 600 & echo $! > pid")
    await report_of(Supervised(tmp_path, None, command=command))
    assert wait_for_exit(int((tmp_path / "pid").read_text()))


async def test_report_is_written_and_served_whatever_the_poke_url(tmp_path: Path) -> None:
    async with supervised(tmp_path, "quiet.py") as session:
        snapshot = await session.until(lambda seen: seen.state is BotState.RUNNING)
        session.terminate()
        await session.report()
    assert snapshot.started_at is not None
    assert snapshot.bot_imported_at is not None
    assert snapshot.bot_imported_at <= snapshot.started_at
    assert session.pokes  # how many, nobody can tell: several become one, and on a machine under load some are lost
