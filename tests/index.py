"""An index of packages that a test makes: a folder of wheels with nothing in them."""

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a package, and what it requires."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    def metadata(self) -> str:
        """Return what its METADATA says."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Provides-Extra: {extra}" for extra in self.extras]
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        return "\n".join([*lines, ""])


def publish(release: Release, folder: Path) -> str:
    """Write the wheel of a release, and return its SHA-256."""
    stem = f"{release.name.replace('-', '_')}-{release.version}"
    files = {
        f"{stem}.dist-info/METADATA": release.metadata(),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{stem}.dist-info/RECORD"] = _record(files.items(), f"{stem}.dist-info/RECORD")
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def publish_source(name: str, version: str, folder: Path) -> str:
    """Write a source distribution that setuptools builds, and return its SHA-256."""
    files = {
        "setup.py": f"from setuptools import setup\nsetup(name='{name}', version='{version}')\n",
        "PKG-INFO": Release(name, version).metadata(),
    }
    packed = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return hashlib.sha256(packed.read_bytes()).hexdigest()


def _record(files: Iterable[tuple[str, str]], itself: str) -> str:
    lines = [f"{name},sha256={_urlsafe(text)},{len(text)}" for name, text in files]
    return "\n".join([*lines, f"{itself},,", ""])


def _urlsafe(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
