"""The command line as it is installed, alone in an environment of its own, against a real cluster."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from botsession_operator.cli.cli_error import Exit
from tests.e2e.world import KUBECTL, PATIENCE, ROOT, Json, Session, World, kubectl, make_namespace, wait_until

pytestmark = pytest.mark.cluster

LOCK: Final = ROOT / "requirements/cli.txt"
INSTALL_LOCK: Final = ROOT / "hack/install-lock"
IMAGE = ("--image", "botsession/testbot:dev")
#: Sessions by the names of their bots; all but one end by themselves.
ENDING: Final[dict[str, Json]] = {
    "completes": {},
    "quiet": {"maxSessionDuration": "1s"},
    "import-error": {},
    "returns": {},
    "spins": {"shutdown": {"gracePeriod": "1s", "cancelPeriod": "1s"}},
}
Done = subprocess.CompletedProcess[str]
Botsession = Callable[..., Done]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel without extras, and exactly what the command line needs. Return the folder of its programs."""
    folder = tmp_path_factory.mktemp("cli")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*build, str(ROOT), "-w", str(folder)], check=True, capture_output=True, env=os.environ | {"PYTHONPATH": ""}
    )
    (wheel,) = folder.glob("*.whl")
    programs = _environment(folder / "venv") / "bin"
    pip(programs, "install", "--no-index", "--no-deps", str(wheel))
    pip(programs, "check")
    return programs


def pip(programs: Path, *arguments: str) -> str:
    """Run an environment's own pip; return what it printed."""
    line: list[str | Path] = [programs / "python", "-m", "pip", *arguments]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout


def _environment(place: Path) -> Path:
    """Make a virtual environment with what the lock pins, and nothing else.

    It is a copy: making it takes half a minute of CPU, so it is kept in .tools for as long as the lock stays the same.
    """
    made_of = b"".join(file.read_bytes() for file in (LOCK, LOCK.with_name("sdist.txt"), INSTALL_LOCK))
    kept = ROOT / ".tools/cli" / hashlib.sha256(made_of + sys.version.encode()).hexdigest()[:16]
    if not kept.exists():
        made = place.with_name("made")
        venv.create(made, with_pip=True)
        subprocess.run([INSTALL_LOCK, made / "bin/python", LOCK], check=True, capture_output=True)
        _keep(made, kept)
    return Path(shutil.copytree(kept, place, symlinks=True))


def _keep(made: Path, kept: Path) -> None:
    """Copy a folder so that it is there as a whole, or not at all."""
    part = kept.with_name(f"{kept.name}-{os.getpid()}")
    shutil.copytree(made, part, symlinks=True)
    try:
        part.rename(kept)
    except OSError:  # another run has just done it
        shutil.rmtree(part)


@pytest.fixture
def botsession(installed: Path, kubeconfig: Path, world: World) -> Botsession:
    """Run a command in the test's namespace."""
    return commands(installed, kubeconfig, world)


def commands(installed: Path, kubeconfig: Path, world: World) -> Botsession:
    """Return what runs a command in a namespace."""

    def run(command: str, *arguments: str, program: str = "botsession") -> Done:
        line = [*program.split(), command, *arguments, "--namespace", world.namespace]
        path = os.pathsep.join([str(installed), str(KUBECTL.parent), os.environ["PATH"]])
        environment = {"KUBECONFIG": str(kubeconfig), "PATH": path, "HOME": str(installed)}
        return subprocess.run(line, capture_output=True, text=True, timeout=180, check=False, env=environment)

    return run


@dataclass
class Ends:
    """Sessions that end in several ways, by their bots, and the commands to look at them."""

    sessions: dict[str, Session]
    botsession: Botsession


@pytest.fixture(scope="module")
def ends(installed: Path, kubeconfig: Path) -> Iterator[Ends]:
    """Have them start at once."""
    world = World(make_namespace("e2e"))
    sessions = {
        name: world.session(name, bot={"target": f"{name.replace('-', '_')}.py"}, **spec)
        for name, spec in ENDING.items()
    }
    yield Ends(sessions, commands(installed, kubeconfig, world))
    world.close()
    kubectl("delete", "namespace", world.namespace, "--wait=false")


def said(done: Done, code: Exit = Exit.OK) -> str:
    """Return what a command printed, which must have exited so."""
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_conversation_is_started_extended_and_ended_with_a_goodbye(botsession: Botsession) -> None:
    said(botsession("start", "a", *IMAGE, "--target", "speaks.py", "--body", '{"client": true}', "--wait"))
    assert said(botsession("list")).splitlines()[1].split()[:2] == ["a", "Running"]
    assert "a may last 40m" in said(botsession("extend", "a", "+10m"))
    assert "a may last 35m" in said(botsession("extend", "a", "-5m"))
    assert "conversation" in said(botsession("describe", "a"))
    # Of both the operator hears and tells a moment later.
    wait_until(lambda: "deadline moved" in said(botsession("logs", "a")), PATIENCE, "told of in the log")
    wait_until(lambda: on_top(botsession) == ["a", "Running", "yes"], PATIENCE, "seen to be in a call")
    why = said(botsession("end", "a", "--farewell", "It was nice. Goodbye.", "--wait"))
    assert "It was drained" in why
    assert "A TTS made sound of the farewell" in why
    assert said(botsession("why", "a")) == why.partition("\n")[2]
    assert "EndFrame reached the end of the pipeline" in said(botsession("describe", "a"))


def on_top(botsession: Botsession) -> list[str]:
    """Return what the first line of `top` begins with."""
    return said(botsession("top", "--once")).splitlines()[1].split()[:3]


def test_bot_that_listens_is_started_from_options_and_says_where(botsession: Botsession) -> None:
    told = said(
        botsession("start", "a", *IMAGE, "--target", "answers.py", "--transport", "websocket", "--expose", "--wait")
    )
    assert re.fullmatch(r"a waits for its caller at ws://a-[0-9a-f]+\.[a-z0-9-]+\.svc:7860/ws\.\n", told)
    assert "Its bot waits for its caller at ws://" in said(botsession("why", "a"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("completes", "ended because its bot ended itself. It was drained", id="Completed"),
        pytest.param("quiet", "maxSessionDuration of 1s had passed", id="MaxDuration"),
        pytest.param("import-error", "failed because of an error in its bot. Its pipeline never", id="BotError"),
        pytest.param("returns", "process exited before its pipeline had finished", id="BotExited"),
    ],
)
def test_why_explains_a_real_end(name: str, sentence: str, ends: Ends) -> None:
    ends.sessions[name].finishes()
    assert sentence in said(ends.botsession("why", name))


def test_bot_that_has_to_be_killed_fails_the_wait_and_is_located(ends: Ends) -> None:
    ends.sessions["spins"].eventually(phase="Running")
    assert "it was stuck at spins.py" in said(ends.botsession("end", "spins", "--wait"), Exit.FAILED)


def test_kubectl_finds_the_plugin(ends: Ends) -> None:
    assert "completes " in said(ends.botsession("list", program="kubectl botsession"))


def test_what_a_dry_run_says_is_what_the_server_says(botsession: Botsession) -> None:
    wrong = ("start", "a", *IMAGE, "--target", "quiet.py", "--max-duration", "0s")
    here, there = botsession(*wrong, "--dry-run", "client"), botsession(*wrong, "--dry-run", "server")
    assert said(here, Exit.REFUSED) == said(there, Exit.REFUSED) == ""
    sentence = here.stderr.rpartition(": ")[2]
    assert sentence.startswith("must be a duration")
    assert there.stderr.endswith(sentence)
    assert botsession("list").stdout == ""


def test_doctor_finds_nothing_wrong(botsession: Botsession) -> None:
    assert "The operator" in said(botsession("doctor"))


def test_nothing_that_only_the_operator_needs_is_installed(installed: Path) -> None:
    listed = pip(installed, "list")
    assert not {"kopf", "kubernetes", "pipecat-ai"} & {line.split()[0] for line in listed.splitlines()}
