"""A lock is installed, never resolved again: each gives exactly what it pins, though all has a newer release.

The index is made here. In it each package asks for others with an extra, as uvicorn[standard] and coverage[toml] are
asked for. A pip that resolves, such as the 23.2 of Python 3.11.7, finds the newer release and stops, or installs it.
"""

import os
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

import pytest

from hack.supply.locks import LOCKS, ROOT, Pin, pins
from tests.index import Release, publish, publish_source

PIP = Path(sys.executable).parent / "pip"
NEWER = "99999.0"
FIRST, SECOND = Pin("first", "1.0", "", (), ("second",)), Pin("second", "1.0", "", (), ())
#: pip reads neither its configuration nor the machine's index, and installs nothing but what is in the test's folder.
ALONE = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | {
    "PIP_NO_INDEX": "1",
    "PIP_CONFIG_FILE": os.devnull,
}


def lock_id(lock: Path) -> str:
    return str(lock.relative_to(ROOT))


def published(locked: Iterable[Pin], folder: Path) -> dict[str, str]:
    """Write each pinned release and a newer one. Return the SHA-256 of the pinned ones."""
    asked_for: dict[str, list[str]] = {}
    for pin in locked:
        condition = f" ; {pin.marker}" if pin.marker else ""
        for asker in pin.asked_by:
            asked_for.setdefault(asker, []).append(f"{pin.name}[more]>={pin.version}{condition}")
    digests = {}
    for pin in locked:
        requires = tuple(asked_for.get(pin.name, ()))
        publish(Release(pin.name, NEWER, requires, extras=("more",)), folder)
        digests[pin.name] = publish(Release(pin.name, pin.version, requires, extras=("more",)), folder)
    return digests


def with_the_hashes(locked: Iterable[Pin], digests: dict[str, str], lock: Path) -> Path:
    """Write the same lock for the files of the test's index."""
    lines = [
        f"{pin.name}=={pin.version}{f' ; {pin.marker}' if pin.marker else ''} --hash=sha256:{digests[pin.name]}"
        for pin in locked
    ]
    lock.write_text("\n".join([*lines, ""]), "utf-8")
    return lock


def environment(folder: Path, *, with_pip: bool) -> Path:
    """Make a virtual environment, and return its interpreter."""
    venv.create(folder, with_pip=with_pip, symlinks=True)
    return folder / "bin/python"


def installed(python: Path) -> dict[str, str]:
    """Return what the test's packages in an environment are, by their names."""
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    return {found.metadata["Name"]: found.version for found in distributions(path=[str(packages)])}


def run(index: Path, *command: str | Path) -> "subprocess.CompletedProcess[str]":
    settings = ALONE | {"PIP_FIND_LINKS": str(index)}
    return subprocess.run([str(word) for word in command], env=settings, capture_output=True, text=True, check=False)


def install_lock(lock: Path, folder: Path) -> tuple["subprocess.CompletedProcess[str]", Path]:
    """Install a lock into a new environment, as scripts and images do. Return what was said, and the interpreter."""
    python = environment(folder / "environment", with_pip=False)
    return run(folder, ROOT / "hack/install-lock", "--with", PIP, python, lock), python


@pytest.mark.parametrize("lock", LOCKS, ids=lock_id)
def test_exactly_what_is_pinned_is_installed(lock: Path, tmp_path: Path) -> None:
    locked = pins(lock)
    rewritten = with_the_hashes(locked, published(locked, tmp_path), tmp_path / "lock.txt")
    got, python = install_lock(rewritten, tmp_path)
    assert got.returncode == 0, got.stderr
    assert installed(python) == {pin.name: pin.version for pin in locked if pin.is_for_this_machine()}


def test_an_environments_own_pip_installs_exactly_what_several_locks_pin(tmp_path: Path) -> None:
    digests = published([FIRST, SECOND], tmp_path)
    locks = [with_the_hashes([pin], digests, tmp_path / f"{pin.name}.txt") for pin in (FIRST, SECOND)]
    python = environment(tmp_path / "environment", with_pip=True)
    got = run(tmp_path, ROOT / "hack/install-lock", python, *locks)
    assert got.returncode == 0, got.stderr
    assert installed(python).items() >= {"first": "1.0", "second": "1.0"}.items()


def test_this_index_gives_newer_releases_to_a_pip_that_resolves(tmp_path: Path) -> None:
    published([FIRST, SECOND], tmp_path)
    python = environment(tmp_path / "environment", with_pip=False)
    assert run(tmp_path, PIP, "--python", python, "install", "second==1.0").returncode == 0
    assert installed(python) == {"first": NEWER, "second": "1.0"}


def test_a_file_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    published([FIRST], tmp_path)
    got, python = install_lock(with_the_hashes([FIRST], {"first": "0" * 64}, tmp_path / "lock.txt"), tmp_path)
    assert got.returncode != 0
    assert "DO NOT MATCH THE HASHES" in got.stderr
    assert installed(python) == {}


def test_a_lock_that_lacks_what_its_packages_need_is_refused(tmp_path: Path) -> None:
    digests = published([FIRST, SECOND], tmp_path)
    got, _ = install_lock(with_the_hashes([SECOND], digests, tmp_path / "lock.txt"), tmp_path)
    assert got.returncode != 0
    assert "second 1.0 requires first, which is not installed" in got.stderr


def test_a_source_is_not_built_with_a_tool_that_no_lock_names(tmp_path: Path) -> None:
    """For a source distribution pip would fetch the newest setuptools that there is, unchecked, and run it."""
    publish(Release("setuptools", NEWER), tmp_path)
    digest = publish_source("first", "1.0", tmp_path)
    got, python = install_lock(with_the_hashes([FIRST], {"first": digest}, tmp_path / "lock.txt"), tmp_path)
    assert got.returncode != 0
    assert "No module named 'setuptools'" in got.stderr
    assert installed(python) == {}


def test_what_builds_sources_is_installed_first_where_it_lies_beside_the_lock(tmp_path: Path) -> None:
    """A wheel that pip's cache has from an earlier build would hide that it is missing."""
    digests = published([FIRST, SECOND], tmp_path)
    with_the_hashes([FIRST], digests, tmp_path / "sdist.txt")
    got, python = install_lock(with_the_hashes([SECOND], digests, tmp_path / "lock.txt"), tmp_path)
    assert got.returncode == 0, got.stderr
    assert installed(python) == {"first": "1.0", "second": "1.0"}


def test_uv_is_told_the_same_as_pip(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\necho "$@" >&2\n')
    uv.chmod(0o755)
    got = run(tmp_path, ROOT / "hack/install-lock", "--with", uv, "PYTHON", "one.txt", "two.txt")
    install, check = got.stderr.splitlines()
    assert install.startswith("pip install --python PYTHON --quiet --no-deps --require-hashes --no-build-isolation ")
    assert install.endswith(" --requirement one.txt --requirement two.txt")
    assert check == "pip check --python PYTHON"
