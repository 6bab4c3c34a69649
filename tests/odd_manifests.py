"""Odd manifests, thrown at `botsession`: a test does it with a few, `python -m tests.fuzz --only manifests` with many.

A manifest of any kind is taken, or refused with sentences and the exit code 2. There is never a traceback.
"""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from botsession_contract.text import has_controls
from botsession_operator.cli.app import app
from botsession_operator.cli.cli_error import Exit
from tests.manifests import session

#: What somebody may write in any place: each type of YAML, numbers that were names, and what no JSON has.
ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 42, -1, 3.5, 1e300, 2**63 - 1, 2**31, "", " ", "x", "-", "a/b", "$(X)", "0s", "42", "1h"),
    *([], {}, [1], ["x"], [[]], [None], {"x": 1}, {"name": 42}, {"name": None}, [{"name": "x"}, {"name": "x"}]),
    *("\x1b[31m", "\u202e", "a" * 300, "é", "\U0001f511", "${", "{{x}}", "9" * 30, [{"a": 1}] * 3, {"": ""}, "a\nb"),
)
#: Pieces of YAML that are put into its text.
RAW: Final = (
    *(
        "2026-01-31",
        "2026-13-45",
        "12:30:00",
        ".nan",
        "-.inf",
        "1e999",
        "0o9",
        "0x",
        "9" * 5000,
        "!!binary aGk=",
        "=",
        "~",
    ),
    *("!!int ''", "!!float x", "!!set {a, b}", "!!omap [a: 1]", "!!timestamp x", "!!python/object:os.system x", "!x y"),
    *(
        "&a [*a]",
        "*nowhere",
        "{<<: 5}",
        "{<<: [5]}",
        "{? [a] : b}",
        "{1: 2, true: 3, null: 4}",
        "{a: 1, a: 2}",
        "\t",
        "[",
        "{",
    ),
    *(
        "---",
        "...",
        "%YAML 9.9",
        "\x00",
        "\ufeff",
        "'",
        '"\\ud800"',
        "|",
        "> x",
        "- x",
        "@",
        "`",
        "[" * 200,
        "yes",
        "0777",
        "1_000",
    ),
)
#: A manifest with something in every place that has a type of its own.
FULL: Final = session(
    metadata={"name": "a", "namespace": "b", "labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["a.b/c"]},
    spec__bot={
        "image": "bot:1",
        "target": "bot.py",
        "body": {"a": [1, None]},
        "transport": {"type": "webrtc", "iceServers": [{"urls": ["stun:stun.example"]}]},
        "env": [{"name": "A", "value": "b"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "envFrom": [{"prefix": "P_", "secretRef": {"name": "s"}}],
        "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
        "python": "python3",
    },
    spec__expose={"port": 7860},
    spec__idle={"frames": ["BotSpeakingFrame"], "prompt": {"after": "1m", "text": "hello?"}},
    spec__idleTimeout="5m",
    spec__maxSessionDuration="10m",
    spec__shutdown={"gracePeriod": "10s", "overrides": {"idleTimeout": {"mode": "Immediate"}}},
    spec__podTemplate={
        "metadata": {"labels": {"a": "b"}},
        "spec": {
            "containers": [{"name": "bot", "workingDir": "/", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
            "initContainers": [{"name": "i", "image": "i:1", "ports": [{"containerPort": 1, "hostPort": 1}]}],
            "volumes": [{"name": "v", "emptyDir": {}}],
            "nodeSelector": {"a": "b"},
            "hostNetwork": False,
            "securityContext": {"runAsNonRoot": True},
        },
    },
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a manifest."""
    members: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, member in members for each in places(member, (*path, key)))]


def changed(manifest: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a manifest with another value in one place."""
    if not path:
        return value
    members: Any = dict(manifest) if isinstance(manifest, dict) else manifest
    if isinstance(manifest, list):
        members = dict(enumerate(manifest))
    if not isinstance(members, dict) or path[0] not in members:
        return manifest
    members[path[0]] = changed(members[path[0]], path[1:], value)
    return list(members.values()) if isinstance(manifest, list) else members


@st.composite
def odd_manifests(draw: st.DrawFn) -> str:
    """Return the text of a manifest in which something is odd."""
    manifest: Any = draw(st.sampled_from((FULL, session())))
    for path in draw(st.lists(st.sampled_from(places(manifest)), min_size=0, max_size=3)):
        manifest = changed(manifest, path, draw(st.sampled_from(ODD)))
    text = str(yaml.safe_dump(manifest, allow_unicode=True)) if draw(st.booleans()) else json.dumps(manifest, indent=1)
    for raw in draw(st.lists(st.sampled_from(RAW), max_size=2)):
        text = _put(text, raw, draw(st.integers(0, 200)), draw(st.booleans()))
    return text


def _put(text: str, raw: str, where: int, instead: bool) -> str:
    """Put raw YAML into a text: in the place of a value, or somewhere."""
    lines = text.split("\n")
    line = lines[where % len(lines)]
    before, colon, _ = line.partition(": ")
    lines[where % len(lines)] = f"{before}{colon}{raw}" if instead else f"{line} {raw}"
    return "\n".join(lines)


def shown(text: str, *command: str) -> tuple[int, str]:
    """Return the exit code and the output of a command for a manifest with this text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "session.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        # No PATH: no container engine is asked for the image.
        result = CliRunner(env={"PATH": ""}).invoke(
            app, [each.replace("FILE", str(file)) for each in command], prog_name="botsession"
        )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def hold(text: str) -> None:
    """Raise where a command answers a manifest with anything but a sentence."""
    code, output = shown(text, "start", "-f", "FILE", "--dry-run", "client", "--label", "a=b")
    assert code in (Exit.OK, Exit.REFUSED), (code, output)
    assert not has_controls(output.replace("\n", " ")), output
    assert "Traceback" not in output, output
    assert (code == Exit.OK) or output.startswith(("botsession: ", "Usage: ")), output
    refused, findings = shown(text, "check", "FILE", "--offline")
    assert (refused == Exit.REFUSED) or (code != Exit.OK) == ("is a valid BotSession" not in findings), findings


def try_manifests(examples: int) -> None:
    """Try so many manifests."""
    quick = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )
    quick(given(odd_manifests())(hold))()
