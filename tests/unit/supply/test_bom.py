"""The documents of what is handed out are CycloneDX, say what the locks say, and are the same for the same locks."""

import io
import json
import tarfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from hack.supply.bom import Product, debian_versions, document, now
from hack.supply.locks import ROOT, pins

MADE = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LOCKED = [Product.OPERATOR, Product.CLI]


@cache
def text_of(product: Product) -> str:
    return document(product, MADE)


def parts(product: Product) -> dict[str, Any]:
    return {part["name"]: part for part in json.loads(text_of(product))["components"]}


def needs(product: Product) -> dict[str, list[str]]:
    return {each["ref"]: each.get("dependsOn", []) for each in json.loads(text_of(product))["dependencies"]}


@pytest.mark.parametrize("product", Product)
def test_a_document_is_accepted_by_the_schema_of_cyclonedx(product: Product) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text_of(product)) is None


def test_the_schema_refuses_what_is_no_document() -> None:
    wrong = text_of(Product.CLI).replace('"library"', '"book"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(wrong) is not None


@pytest.mark.parametrize("product", LOCKED)
def test_a_document_has_each_package_of_its_lock_with_version_and_hashes(product: Product) -> None:
    found = parts(product)
    for pin in pins(ROOT / f"requirements/{product}.txt"):
        assert found[pin.name]["version"] == pin.version
        assert {each["content"] for each in found[pin.name]["hashes"]} == set(pin.digests)
        assert found[pin.name]["purl"] == f"pkg:pypi/{pin.name}@{pin.version}"
        assert found[pin.name]["licenses"][0]["expression"]


@pytest.mark.parametrize("product", Product)
def test_every_part_is_reached_from_the_whole(product: Product) -> None:
    graph = needs(product)
    seen: set[str] = set()
    waiting = [f"botsession-{product}"]
    while waiting:
        part = waiting.pop()
        seen.add(part)
        waiting += [each for each in graph[part] if each not in seen]
    assert seen == set(graph) == {f"botsession-{product}", *(part["bom-ref"] for part in parts(product).values())}


def test_the_operators_image_names_its_base_by_digest() -> None:
    base = parts(Product.OPERATOR)["python"]
    assert base["type"] == "container"
    assert f"@sha256:{base['hashes'][0]['content']}" in (ROOT / "Dockerfile").read_text("utf-8")


def test_the_runtimes_image_has_no_package_of_pythons() -> None:
    assert set(parts(Product.RUNTIME)) == {"busybox-static", "glibc"}


def test_the_versions_of_debians_programs_are_read_from_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"busybox-static 1:1.35.0-4+deb12u1+b1\nglibc 2.36-9+deb12u14\n"
    with tarfile.open(tmp_path / "copied.tar", "w") as archive:
        entry = tarfile.TarInfo("versions")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\ncase $1 in create) echo id ;; cp) cat "{tmp_path}/copied.tar" ;; esac\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    versions = debian_versions("botsession/runtime:dev")
    assert versions == {"busybox-static": "1:1.35.0-4+deb12u1+b1", "glibc": "2.36-9+deb12u14"}
    found = json.loads(document(Product.RUNTIME, MADE, debian=versions))["components"]
    assert {part["name"]: part["version"] for part in found} == versions


@pytest.mark.parametrize("product", Product)
def test_the_same_locks_give_the_same_document(product: Product) -> None:
    assert document(product, MADE) == text_of(product)


def test_the_time_of_a_document_can_be_given() -> None:
    assert now({"SOURCE_DATE_EPOCH": "0"}) == datetime(1970, 1, 1, tzinfo=UTC)
