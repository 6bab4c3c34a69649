"""What a session, a bot or a server says is text on a user's terminal, whichever command prints it."""

import ast
import json
import re
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.report import DanglingTasks
from botsession_contract.text import has_controls
from botsession_operator.api.status import Condition, ConditionStatus, ConditionType
from botsession_operator.cli import output
from botsession_operator.cli.cli_error import Exit
from tests.apiserver import ApiServer
from tests.offenders import assert_none
from tests.sessions import after, finished, running, stored
from tests.unit.cli.conftest import Botsession

Json = dict[str, Any]
CLI: Final = Path(output.__file__).parent
ORDERS: Final = "".join(
    (
        "\x1b[2J\x1b]0;title\x07\x1b]52;c;aGk=\x1b\\ \x9b2J\x9d52;c;aGk=\x9c",
        " \r\b\x7f\x00 \u202etxet\u202c \u2066x\u2069 \u200e\u061c \U000e0041 \x85\u2028 \x1b[31mred",
    )
)
LOG: Final = "/api/v1/namespaces/bots/pods/support-42-pod/log"
EVENTS: Final = "/api/v1/namespaces/bots/events"
COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


def poisoned(session: Json) -> Json:
    """Put orders to a terminal wherever somebody else writes."""
    session["metadata"]["annotations"] = {f"note{ORDERS}": ORDERS}
    session["metadata"]["labels"] = {"team": ORDERS}
    session["spec"]["bot"] |= {"image": f"bot{ORDERS}", "target": f"bot.py{ORDERS}", "body": {ORDERS: [ORDERS]}}
    session["status"] |= {"result": {ORDERS: [ORDERS]}, "nodeName": f"node{ORDERS}", "url": f"https://x/{ORDERS}"}
    return session


def over() -> Json:
    refused = Condition(ConditionType.POD_CREATED, ConditionStatus.FALSE, f"No{ORDERS}", f"no {ORDERS}", after(1), 1)
    status = finished(
        Reason.BOT_ERROR,
        Outcome.FORCED,
        message=f"no key {ORDERS}",
        stuck_at=f"Blackhole{ORDERS}",
        frame=f"End{ORDERS}",
        dangling_tasks=DanglingTasks(1, (f"task{ORDERS}",)),
        conditions=(refused,),
    )
    return poisoned(stored(status, "over"))


def event() -> Json:
    about = {"involvedObject": {"name": "over"}, "lastTimestamp": "2026-01-31T12:00:00Z", "type": "Warning"}
    return {**about, "reason": f"Failed{ORDERS}", "message": f"pulled {ORDERS}", "source": {"component": ORDERS}}


@pytest.fixture
def hostile(server: ApiServer) -> ApiServer:
    server.add(over())
    server.add(poisoned(stored(running(), "support-42")))
    server.answers[EVENTS] = {"items": [event()]}
    server.answers[LOG] = f"{ORDERS}\nanother {ORDERS}\n"
    return server


COMMANDS: Final = [
    "list",
    "list -o wide",
    "list -o name",
    "list -o json",
    "list -o yaml",
    "get over",
    "get over -o json",
    "get over -o yaml",
    "get support-42 over -o yaml",
    "describe over",
    "describe support-42",
    "why over",
    "why support-42",
    "top --once",
    "logs support-42",
    "end over --wait",
    "end support-42",
    "extend support-42 +10m",
]


def printed(text: str) -> str:
    """Return what there is beside layout."""
    return text.replace("\n", "").replace("\t", "")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("hostile")
def test_no_command_lets_a_session_order_the_terminal(botsession: Botsession, command: str) -> None:
    result = botsession(*command.split())
    assert result.output
    assert not has_controls(COLOUR.sub("", printed(result.output)))
    if not command.startswith("logs"):
        assert not has_controls(printed(result.output))


@pytest.mark.parametrize("command", ["describe over", "why over", "list", "logs support-42"])
@pytest.mark.usefixtures("hostile")
def test_nor_on_a_terminal_with_colours(botsession: Botsession, command: str) -> None:
    result = botsession(*command.split(), NO_COLOR="", FORCE_COLOR="1", TERM="xterm-256color")
    assert not has_controls(COLOUR.sub("", printed(result.output)))


@pytest.mark.parametrize(
    "command",
    ["list", "get x", "describe x", "why x", "logs x", "top --once", "extend x +1m", "end x", "doctor"],
)
@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.BAD_GATEWAY])
def test_no_refusal_of_a_server_orders_the_terminal(
    server: ApiServer, botsession: Botsession, command: str, status: HTTPStatus
) -> None:
    server.refusal = (status, f"you may not {ORDERS}")
    result = botsession(*command.split())
    assert result.exit_code
    assert not has_controls(printed(result.output))


def test_no_manifest_orders_the_terminal(botsession: Botsession, tmp_path: Path) -> None:
    file = tmp_path / "session.yaml"
    manifest = stored()
    manifest["spec"]["bot"]["image"] = ""
    manifest["spec"][f"typo{ORDERS}"] = ORDERS
    file.write_text(yaml.safe_dump(manifest))
    for command in (["check", str(file), "--offline"], ["start", "-f", str(file), "--dry-run", "client"]):
        result = botsession(*command)
        assert result.exit_code
        assert not has_controls(printed(result.output))


@pytest.mark.usefixtures("hostile")
def test_json_and_yaml_say_what_is_stored(botsession: Botsession) -> None:
    expected = over()
    found = (
        json.loads(botsession("get", "over", "-o", "json").stdout),
        yaml.safe_load(botsession("get", "over", "-o", "yaml").stdout),
    )
    assert [each["status"] for each in found] == [expected["status"]] * 2
    assert [each["spec"] for each in found] == [expected["spec"]] * 2


@pytest.mark.usefixtures("hostile")
def test_log_brings_its_colours_and_they_end_with_it(botsession: Botsession) -> None:
    said = botsession("logs", "support-42").stdout
    assert "\x1b[31mred" in said
    assert all(line.endswith("\x1b[0m") for line in said.split("\n") if "\x1b" in line)
    assert "\\x1b[2J\\x1b]0;title\\x07" in said


def test_whoever_prints_prints_text(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with output.guarded():
        print(ORDERS)
        sys.stderr.writelines([ORDERS, "\ud800"])
        output.console().print(ORDERS, "[red]red[/red]", soft_wrap=True)
        assert not hasattr(sys.stdout, "buffer")
    assert sys.stdout is before
    out, err = capsys.readouterr()
    assert not has_controls(printed(out + err))
    assert "[red]red[/red]" in out


def test_a_traceback_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    with output.guarded():
        try:
            raise ValueError(ORDERS)
        except ValueError:
            sys.excepthook(*sys.exc_info())
    _, err = capsys.readouterr()
    assert "Traceback" in err
    assert not has_controls(printed(err))


def test_reader_that_goes_gets_no_traceback() -> None:
    command = [sys.executable, "-c", "from botsession_operator.cli.app import main; main()", "completion", "bash"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()  # long before the program has anything to say
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == Exit.FAILED


def calls(module: Path) -> set[str]:
    """Name what is called in a module: functions by their names, and methods by theirs, behind a dot."""
    found = [node.func for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)]
    names = {each.id for each in found if isinstance(each, ast.Name)}
    return names | {f".{each.attr}" for each in found if isinstance(each, ast.Attribute)}


def test_only_one_module_prints() -> None:
    others = sorted({*CLI.rglob("*.py")} - {CLI / "output.py"})
    assert len(others) > 20
    assert_none(module.relative_to(CLI) for module in others if prints(module))


def prints(module: Path) -> bool:
    by_call = {"print", "echo", "secho", ".echo", ".secho", "Console", ".Console", ".system"} & calls(module)
    by_name = re.search(r"sys\.(stdout|stderr)(?!\.isatty)|os\.write|__stdout__|__stderr__", module.read_text())
    return bool(by_call or by_name)
