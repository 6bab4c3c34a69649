"""What each program says of a command line, without running it."""

import contextlib
import functools
import importlib.util
import io
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from botsession_operator.api.admission import session_schema
from botsession_operator.cli.app import app
from tests.docs import documents
from tests.docs.blocks import ROOT
from tests.docs.shell import Command, Wrong, commands

CHART: Final = "charts/botsession-operator"
TOOLS: Final = ROOT / ".tools/bin"
#: How a session is called on kubectl's command line, and what else a page names there.
SESSIONS: Final = ("bs", "botsession", "botsessions")
RESOURCES: Final = (
    *SESSIONS,
    "crd",
    "deployment",
    "events",
    "job",
    "lease",
    "leases",
    "namespace",
    "node",
    "nodes",
    "pod",
    "pods",
    "secret",
)
#: Verbs of kubectl whose first word is a kind of resource, or a resource: pods, pod/x.
_ON_RESOURCES: Final = ("get", "describe", "delete", "patch", "wait", "annotate", "label", "edit", "scale")
#: What begins like a path of this repository.
_PATH: Final = re.compile(r"(?:\./)?((?:charts|crds|docs|examples|hack|operator|requirements|runtime|tests)/[\w./-]+)")
#: How a command that only has others below it tells its usage.
_GROUP: Final = re.compile(r"^ +\w+(?: \w+)* (?:SUBCOMMAND|\[command\])", re.MULTILINE)
_FIELDS: Final = re.compile(r"\{(\.[\w.]+)\}")

Check = Callable[[Command], None]

#: Programs that nothing is asked of: their command lines are short, and known to every reader.
TAKEN_ON_TRUST: Final = {
    "apt-get": "would change the machine; the names of packages are Debian's",
    "base64": "one option",
    "cat": "shows a file that the reader has made",
    "cd": "the shell's own",
    "curl": "sends a request to an address that is there only in the cluster",
    "cut": "two options",
    "docker": "asks the engine; its paths are checked",
    "echo": "the shell's own",
    "git": "brings a checkout, which this is",
    "kill": "the shell's own",
    "openssl": "one command, which docs/operations/control-endpoint.md explains",
    "pip": "would install; its paths are checked",
    "printf": "the shell's own",
}


def check_script(script: str) -> None:
    """Refuse a script that has a command which would not work."""
    for command in commands(script):
        check(command)


def check_mention(text: str) -> None:
    """Refuse a command in a sentence, which may leave out its arguments, or the value of its last option."""
    refusals = []
    for whole in (text, f"{text} NAME", f"{text} --help"):
        try:
            check_script(whole)
        except Wrong as exc:
            refusals.append(exc)
        else:
            return
    raise refusals[0]


def check(command: Command) -> None:
    """Refuse a command that would not work as it is written."""
    for path in _PATH.findall(str(command)):
        if not (ROOT / path).exists():
            raise Wrong(f"there is no {path}: {command}")
    name = command.program.rpartition("/")[2] if command.program.startswith(".venv/") else command.program
    if name.startswith("hack/") or name in TAKEN_ON_TRUST:
        return
    if name not in PROGRAMS:
        raise Wrong(f"nobody here knows {name}: write a check, or why there is none, in {Path(__file__).name}")
    PROGRAMS[name](command)


def kubectl(command: Command) -> None:
    """Have kubectl itself read the options; look up kinds, fields and patches of sessions."""
    if command.arguments[:1] == ("botsession",):
        botsession(Command(command.words[1:]))
        return
    _help(command)
    if command.stdin:
        documents.check(command.stdin)
    if command.arguments[0] in _ON_RESOURCES and _kind(command) in SESSIONS:
        _fields_exist(command)
        _patch_is_acceptable(command)


def helm(command: Command) -> None:
    """Have helm itself read the options, and render our chart with the values."""
    _help(command)
    if CHART not in command.arguments:
        return
    given = [f"{name}={value}" for name, value in _options(command) if name in ("--set", "--set-string", "--values")]
    rendered = _run(TOOLS / "helm", "template", "x", CHART, *given, stdin=command.stdin)
    if rendered.returncode:
        raise Wrong(f"{command}\n{rendered.stderr}")


def botsession(command: Command) -> None:
    """Have the command line's own parser read it; a file that is only named for example is there meanwhile."""
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for word in command.arguments:
            if re.fullmatch(r"[\w./-]+\.(ya?ml|json)", word):
                Path(word).parent.mkdir(parents=True, exist_ok=True)
                Path(word).touch()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said), pytest.raises(SystemExit) as left:
            _parser()(list(command.arguments), prog_name="botsession")
    if left.value.code:
        raise Wrong(f"{command}\n{said.getvalue()}")


@functools.cache
def _parser() -> Any:
    """Return the command line without what its commands do."""
    parser: Any = typer.main.get_command(app)
    find = parser.get_command

    def found(context: Any, name: str) -> Any:
        command = find(context, name)
        if command:
            command.callback = None
        return command

    parser.callback, parser.get_command = None, found
    return parser


def make(command: Command) -> None:
    """Look up the target."""
    targets = [word for word in command.arguments if "=" not in word and not word.startswith("-")]
    missing = set(targets) - set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    if missing:
        raise Wrong(f"the Makefile has no {', '.join(missing)}: {command}")


def python(command: Command) -> None:
    """Look up the module, or the file."""
    first = command.arguments[0]
    if first == "-m" and importlib.util.find_spec(command.arguments[1]) is None:
        raise Wrong(f"there is no module {command.arguments[1]}")
    if first.endswith(".py") and "/" not in first and not [*ROOT.glob(f"examples/*/{first}")]:
        raise Wrong(f"no example has a {first}")


def kind(command: Command) -> None:
    """Have kind itself read the options."""
    _help(command)


PROGRAMS: Final[dict[str, Check]] = {
    "kubectl": kubectl,
    "helm": helm,
    "botsession": botsession,
    "make": make,
    "python": python,
    "python3": python,
    "kind": kind,
}


@functools.cache
def _run(*words: str | Path, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run one of our tools where there is no cluster that it could reach; once for a line that several pages have."""
    nowhere = {**os.environ, "KUBECONFIG": os.devnull}
    return subprocess.run(words, cwd=ROOT, env=nowhere, input=stdin, capture_output=True, text=True, check=False)


def _help(command: Command) -> None:
    """Have a program read its command line and do no more: an option that it does not know goes before --help."""
    end = command.arguments.index("--") if "--" in command.arguments else None
    given = command.arguments[:end]
    answered = _run(TOOLS / command.program, *given, "--help")
    if answered.returncode:
        raise Wrong(f"{command}\n{answered.stderr}")
    if _GROUP.search(answered.stdout):
        raise Wrong(f"this is not a whole command: {command}")


def _options(command: Command) -> Iterator[tuple[str, str]]:
    """Yield each option with its value, whether it follows in the same word or in the next."""
    for word, following in zip(command.words, [*command.arguments, ""], strict=True):
        name, has_value, value = word.partition("=")
        if name.startswith("-"):
            yield (name, value) if has_value else (name, following)


def _kind(command: Command) -> str:
    """Return the kind of resource that is meant."""
    flags_with_values = {"-n", "--namespace", "-l", "--selector", "-o", "--output", "-c", "--context"}
    words = iter(command.arguments[1:])
    for word in words:
        if word in flags_with_values:
            next(words, None)
        elif not word.startswith("-"):
            kind = word.partition("/")[0].partition(".")[0].lower()
            if any(each not in RESOURCES for each in kind.split(",")):
                raise Wrong(f"nobody here knows of {kind}: {command}")
            return kind
    return ""


def _fields_exist(command: Command) -> None:
    for path in _FIELDS.findall(str(command)):
        schema: Any = session_schema()
        names = path.strip(".").split(".")
        if names[0] == "metadata":
            continue
        for name in names:
            schema = schema.get("properties", {}).get(name) or schema.get("items", {}).get("properties", {}).get(name)
            if schema is None:
                raise Wrong(f"a session has no field {path}: {command}")


def _patch_is_acceptable(command: Command) -> None:
    for name, value in _options(command):
        if name in ("-p", "--patch") and command.arguments[0] == "patch":
            try:
                patch = json.loads(value)
            except ValueError as exc:
                raise Wrong(f"the patch is not JSON: {command}") from exc
            documents.spec(patch.get("spec", {}))
