"""What our images and the command line consist of, as CycloneDX documents that are made from the locks."""

import io
import re
import subprocess
import tarfile
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from hack.supply.licences import DEBIAN, licence_of
from hack.supply.locks import ROOT, Pin, pins

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
_BASE: Final = re.compile(
    r"^ARG PYTHON_BASE=(?P<name>[\w./-]+):(?P<tag>[\w.-]+)@(?P<digest>sha256:[0-9a-f]{64})$", re.MULTILINE
)


class Product(StrEnum):
    """What is handed out, each with a document of its own."""

    OPERATOR = "operator"  # the operator's image
    RUNTIME = "runtime"  # the image that is injected into bots' pods
    CLI = "cli"  # the wheel, as installed for its command line


def document(product: Product, made: datetime, *, debian: dict[str, str] | None = None) -> str:
    """Return the CycloneDX document of a product. `debian` has the versions of Debian's programs in the runtime."""
    bom = Bom(serial_number=_serial(product, made))
    bom.metadata.timestamp = made
    whole = _whole(product)
    bom.metadata.component = whole
    parts = list(_parts(product, debian or {}))
    for part in parts:
        bom.components.add(part)
    _relate(bom, whole, parts, product)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def debian_versions(image: str) -> dict[str, str]:
    """Return the versions of Debian's programs in an image. Raise CalledProcessError if Docker does not have it."""
    container = _docker("create", image).decode().strip()
    try:
        packed = _docker("cp", f"{container}:/usr/share/doc/busybox-static/versions", "-")
    finally:
        _docker("rm", container)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        said = b"".join(file.read() for entry in archive if (file := archive.extractfile(entry)))
    return dict(re.findall(r"^(\S+) (\S+)$", said.decode(), re.MULTILINE))


def now(environment: dict[str, str]) -> datetime:
    """Return the time to write into a document: what SOURCE_DATE_EPOCH says, so that a build can be repeated."""
    seconds = environment.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else datetime.now(UTC)


def _whole(product: Product) -> Component:
    is_image = product in (Product.OPERATOR, Product.RUNTIME)
    return Component(
        name=f"botsession-{product}",
        version=PROJECT["version"],
        type=ComponentType.CONTAINER if is_image else ComponentType.APPLICATION,
        licenses=[LicenseExpression(PROJECT["license"])],
        bom_ref=f"botsession-{product}",
    )


def _parts(product: Product, debian: dict[str, str]) -> Iterator[Component]:
    match product:
        case Product.OPERATOR:
            yield _base((ROOT / "Dockerfile").read_text("utf-8"))
            yield from map(_package, _locked(product))
        case Product.CLI:
            yield from map(_package, _locked(product))
        case Product.RUNTIME:
            yield from (_debian(name, licence, debian.get(name)) for name, licence in DEBIAN.items())


def _locked(product: Product) -> tuple[Pin, ...]:
    return pins(ROOT / f"requirements/{product}.txt")


def _package(pin: Pin) -> Component:
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", None, pin.name, pin.version),
        licenses=[LicenseExpression(licence_of(pin.name))],
        # Of each file that the lock allows: which one is installed depends on the machine.
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.digests],
        bom_ref=pin.name,
    )


def _base(dockerfile: str) -> Component:
    """Return the image that the operator's is built on. Its digest says what is in it."""
    found = _BASE.search(dockerfile)
    if found is None:
        raise ValueError("the Dockerfile names no base by its digest")
    name, tag, digest = found["name"], found["tag"], found["digest"]
    return Component(
        name=name,
        version=tag,
        type=ComponentType.CONTAINER,
        purl=PackageURL("oci", None, name, digest, {"tag": tag}),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))],
        bom_ref="base",
    )


def _debian(name: str, licence: str, version: str | None) -> Component:
    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        purl=PackageURL("deb", "debian", name, version),
        licenses=[LicenseExpression(licence)],
        bom_ref=name,
    )


def _relate(bom: Bom, whole: Component, parts: list[Component], product: Product) -> None:
    """Write down which part needs which."""
    if product is Product.RUNTIME:
        bom.register_dependency(whole, parts)
        return
    asked_by = {pin.name: set(pin.asked_by) for pin in _locked(product)}
    bom.register_dependency(whole, [part for part in parts if _is_asked_for(asked_by.get(part.name), parts)])
    for part in parts:
        bom.register_dependency(part, [other for other in parts if part.name in asked_by.get(other.name, ())])


def _is_asked_for(askers: set[str] | None, parts: Iterable[Component]) -> bool:
    """Return whether something other than a package asks for a part: a file of requirements, or the Dockerfile."""
    return askers is None or not askers <= {part.name for part in parts}


def _serial(product: Product, made: datetime) -> uuid.UUID:
    """Return a number that is the same for the same document."""
    # The runtime's lock is for bots' images: its own image has no package of Python's.
    content = "" if product is Product.RUNTIME else (ROOT / f"requirements/{product}.txt").read_text("utf-8")
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{product} {PROJECT['version']} {made.isoformat()} {content}")


def _docker(*arguments: str) -> bytes:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True).stdout
