"""Inspect a bot's image with the container engine of this machine, if there is one."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

from botsession_operator.cli.check.findings import Finding, Verdict

Json = dict[str, Any]
ENGINES: Final = ("docker", "podman")
#: What a bot's image must have: see docs/how-to/bots.md.
OLDEST_PYTHON: Final = (3, 11)
OLDEST_PIPECAT: Final = (1, 3)
#: The engines' own exit codes. An engine's first line says why it failed; a program's last line does.
ENGINES_OWN: Final = (125, 126, 127)
#: The time-out of a command of the engine, in seconds. Nothing is pulled.
PATIENCE_SECONDS: Final = 120
#: Runs in the image, after the supervisor's own search for the interpreter, without a network. It does not import the
#: bot, since a bot's import may do anything.
PROBE: Final = """
def look(target):
    import importlib.metadata
    def version(name):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None
    def found(target):
        module = target.partition(":")[0]
        if module.endswith(".py"):
            return os.path.exists(module)
        sys.path.insert(0, os.getcwd())
        try:
            return importlib.util.find_spec(module) is not None
        except ImportError:
            return False
    packages = {name: version(name) for name in ("pipecat-ai", "aiohttp", "loguru")}
    facts = {"interpreter": sys.executable, "python": list(sys.version_info[:3]), "packages": packages}
    return {**facts, "folder": os.getcwd(), "target": found(target) if target else None}
config = json.loads(sys.argv[1])
try:
    chosen = choose_interpreter(config)
except NoInterpreterError as exc:
    print(json.dumps({"lacks": str(exc)}))
else:
    if chosen != sys.executable:
        code = sys.argv[2]
        os.execv(chosen, [chosen, "-c", code, json.dumps({**config, "python": chosen}), code])
    print(json.dumps(look(config.get("target"))))
"""


_REMEDY: Final = "Install pipecat-ai in the image with pip, or set spec.bot.python to the interpreter that has it."


def inspect_image(image: str, target: str | None, python: str) -> Iterator[Finding]:
    """Yield whether an image has what a bot needs, or a warning where it cannot be inspected."""
    engine = next((found for found in ENGINES if shutil.which(found)), None)
    if engine is None:
        yield Finding(Verdict.WARN, f"The image {image} was not checked: this machine has neither docker nor podman.")
        return
    known = _run(engine, "image", "inspect", "--", image)  # no name of an image is an option
    if known.returncode:
        yield Finding(
            Verdict.WARN,
            f"The image {image} was not checked: {engine} does not have it, or does not run.",
            f"Pull it with: {engine} pull {image}",
        )
        return
    code, config = probe(), json.dumps({"python": python, "target": target})
    looked = _run(
        engine, "run", "--rm", "--network=none", f"--entrypoint={python}", "--", image, "-c", code, config, code
    )
    if looked.returncode:
        lines = looked.stderr.strip().splitlines() or ["no output"]
        error = lines[0] if looked.returncode in ENGINES_OWN else lines[-1]
        yield Finding(
            Verdict.FAIL,
            f"{python} does not run in {image}: {error}",
            "Set spec.bot.python to the image's interpreter.",
        )
        return
    yield from judge(json.loads(looked.stdout), target)


def probe() -> str:
    """Return the code that runs in the image: the supervisor's search for the interpreter, and the probe."""
    search = resources.files("botsession_runtime") / "interpreter.py"
    return f"{search.read_text(encoding='utf-8')}\n{PROBE}"


def judge(seen: Json, target: str | None) -> Iterator[Finding]:
    """Yield the findings about what the probe saw in an image."""
    if "lacks" in seen:
        yield Finding(Verdict.FAIL, f"No interpreter of the image can run the bot: {seen['lacks']}.", _REMEDY)
        return
    yield _python(tuple(seen["python"]), seen["interpreter"])
    yield _pipecat(seen["packages"]["pipecat-ai"])
    for name in ("aiohttp", "loguru"):
        if seen["packages"][name] is None:
            yield Finding(
                Verdict.FAIL, f"The image has no {name}.", "Install pipecat-ai with pip; it includes this package."
            )
        else:
            yield Finding(Verdict.OK, f"{name} {seen['packages'][name]}")
    if seen["target"] is False:
        yield Finding(
            Verdict.FAIL,
            f"There is no {target} in {seen['folder']}, the image's working directory.",
            "Set spec.bot.target to a file there, file.py:function, or module:function.",
        )
    elif seen["target"]:
        yield Finding(Verdict.OK, f"{target} is in {seen['folder']}")


def _python(version: tuple[int, ...], interpreter: str) -> Finding:
    text = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return Finding(Verdict.FAIL, f"Python {text} is too old.", "A bot needs Python 3.11 or newer.")
    return Finding(Verdict.OK, f"Python {text}: {interpreter}")


def _pipecat(version: str | None) -> Finding:
    if version is None:
        return Finding(
            Verdict.FAIL, "This interpreter has no pipecat-ai.", "Set spec.bot.python to the interpreter that has it."
        )
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST_PIPECAT:
        return Finding(Verdict.FAIL, f"pipecat-ai {version} is too old.", "A bot needs pipecat-ai 1.3 or newer.")
    return Finding(Verdict.OK, f"pipecat-ai {version}")


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"it took longer than {PATIENCE_SECONDS} s")
