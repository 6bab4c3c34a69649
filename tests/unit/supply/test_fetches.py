"""What is fetched is pinned: a build tomorrow gets what a build today gets, and nobody else's file in its place."""

import re
import subprocess
from pathlib import Path

import pytest

from hack.supply.locks import LOCKS, ROOT, pins
from tests.offenders import assert_none
from tests.unit.supply.fetches import Place, files, found_in, images, places

DIGEST = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")
#: What fetches something that is not pinned where it stands, or only looks so: file, text, and why that is right.
ALLOWED = {
    ("docs/how-to/bots.md", "pip install --no-deps"): "a sentence",
    (
        "docs/how-to/bots.md",
        "pip install /path/to/checkout",
    ): "the reader's image: it resolves against the reader's Pipecat",
    (
        "docs/how-to/cli.md",
        "pip install /path/to/checkout",
    ): "the reader's environment has other packages to agree with",
    ("docs/operations/control-endpoint.md", "curl "): "asks the session's own pod",
    ("docs/operations/monitoring.md", "curl "): "asks this machine",
    ("examples/transcript", "curl "): "asks this machine",
    ("hack/diagrams", "npm pack"): "checks the archive by the hash that stands there",
    ("hack/tools", "go install"): "a table there has the versions, and a test; Go's checksum database has the hashes",
    ("pyproject.toml", "pip install botsession-operator"): "a sentence",
    ("tests/component/test_locks.py", "pip install --python PYTHON"): "what a stand-in for uv is to be told",
    ("tests/e2e/test_images.py", "uv run"): "has all it runs in its image",
    ("tests/images/bases.Dockerfile", "pip install pipecat-ai"): "a sentence",
    ("tests/unit/runtime", "uv run"): "a command line to take apart, which is not run",
}


def is_pinned(place: Place) -> bool:
    """Return whether a command takes nothing but what stands in a lock, or in the repository."""
    words = place.text.split()
    if "--no-index" in words:
        return True
    return {"--no-deps", "--require-hashes"} <= set(words) and bool({"-r", "--requirement"} & set(words))


def reasons(place: Place) -> list[tuple[str, str]]:
    return [key for key in ALLOWED if place.path.startswith(key[0]) and key[1] in place.text]


def test_a_command_that_fetches_is_pinned_or_has_a_reason() -> None:
    bad = [place for place in places() if not is_pinned(place) and not reasons(place)]
    assert_none(f"{place}: pin it (hack/install-lock), or say here why not" for place in bad)


@pytest.mark.parametrize(
    "command",
    [
        "pip install --requirement requirements/dev.txt",
        "pip install --no-deps --requirement requirements/dev.txt",
        ".venv/bin/pip --quiet install --require-hashes -r requirements/dev.txt",
        'subprocess.run([programs / "pip", "install", "--quiet", "typer"])',
        "uv pip install uv==0.13.9",
        "npm install mermaid",
        "go install sigs.k8s.io/kind@latest",
        "image: kindest/node:latest",
        "curl -O https://example.org/tool",
    ],
)
def test_a_command_without_a_pin_is_found(command: str, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(f"cd x && {command} && make\n")
    (place,) = found_in(tmp_path / "script")
    assert not is_pinned(Place("script", place))


def test_no_reason_is_left_over() -> None:
    used = {key for place in places() if not is_pinned(place) for key in reasons(place)}
    assert used == set(ALLOWED)


def test_an_image_is_ours_or_named_by_its_digest() -> None:
    found = [*images()]
    assert len(found) > 5
    assert_none(
        place for place in found if not place.text.startswith("botsession/") and not DIGEST.fullmatch(place.text)
    )


def test_a_base_has_one_digest_everywhere() -> None:
    texts = [path.read_text("utf-8") for path in files()]
    found = {name for text in texts for name in re.findall(r"(?<![\w/])python:\d[\w.-]*(?:@sha256:\w+)?", text)}
    assert all(DIGEST.fullmatch(name) for name in found)
    assert sorted(name.partition("@")[0] for name in found) == [
        "python:3.11-slim-bookworm",
        "python:3.12-slim-bookworm",
        "python:3.13-slim-trixie",
        "python:3.14-slim-trixie",
    ]


def test_each_tool_that_go_builds_has_a_version() -> None:
    modules = re.findall(r"[\w./-]+\.\w+/[\w./-]+@(\S+?)[\s;]", (ROOT / "hack/tools").read_text("utf-8"))
    assert modules
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", version) for version in modules)


def test_a_go_module_that_requires_others_has_their_hashes() -> None:
    modules = [module for module in ROOT.glob("hack/**/go.mod") if "require" in module.read_text("utf-8")]
    assert_none(module for module in modules if module.with_name("go.sum").stat().st_size == 0)


def test_locks_have_a_hash_for_each_package() -> None:
    assert_none(lock for lock in LOCKS if not pins(lock))
    assert_none(f"{lock}: {pin.name}" for lock in LOCKS for pin in pins(lock) if not pin.digests)


def test_locks_agree_on_the_version_of_a_package() -> None:
    """Tests then speak of the images. The older Pipecats have environments of their own."""
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        if not re.search(r"pipecat-\d", lock.name):
            for pin in pins(lock):
                versions.setdefault(pin.name, set()).add(pin.version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_digests_are_renewed_in_every_file_that_names_the_image(tmp_path: Path) -> None:
    """The registry is made here: hack/digests asks Docker, and Docker is a script."""
    old, new = "a" * 64, "b" * 64
    for name in ("Dockerfile", "lib.sh"):
        (tmp_path / name).write_text(f"BASE=python:3.11-slim-bookworm@sha256:{old}\n")
    checkout(tmp_path, f'echo "sha256:{new}"')
    assert renew(tmp_path).returncode == 0
    for name in ("Dockerfile", "lib.sh"):
        assert (tmp_path / name).read_text() == f"BASE=python:3.11-slim-bookworm@sha256:{new}\n"


def test_what_is_no_digest_is_not_written(tmp_path: Path) -> None:
    text = f"FROM python:3.11-slim-bookworm@sha256:{'a' * 64}\n"
    (tmp_path / "Dockerfile").write_text(text)
    checkout(tmp_path, "echo too many requests")
    done = renew(tmp_path)
    assert done.returncode != 0
    assert "too many requests" in done.stderr
    assert (tmp_path / "Dockerfile").read_text() == text


def renew(folder: Path) -> "subprocess.CompletedProcess[str]":
    path = f"{folder}:/usr/bin:/bin"
    return subprocess.run([folder / "hack/digests"], check=False, capture_output=True, text=True, env={"PATH": path})


def checkout(folder: Path, docker: str) -> None:
    """Make a repository of a folder, with hack/digests in it and a Docker beside it."""
    (folder / "hack").mkdir()
    for name in ("digests", "lib.sh"):
        (folder / "hack" / name).write_bytes((ROOT / "hack" / name).read_bytes())
        (folder / "hack" / name).chmod(0o755)
    (folder / "docker").write_text(f"#!/bin/sh\n{docker}\n")
    (folder / "docker").chmod(0o755)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
