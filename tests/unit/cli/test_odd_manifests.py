"""Manifests with a wrong type, or an oddity of YAML, anywhere: one sentence, the field's path, exit code 2."""

from pathlib import Path
from typing import Any

import pytest

from botsession_operator.cli.cli_error import Exit
from botsession_operator.cli.manifests import LARGEST_BYTES, read_manifest
from botsession_operator.cli.yaml_values import YamlError, read_documents
from tests.odd_manifests import shown, try_manifests

HEAD = "apiVersion: botsession.dev/v1alpha1\nkind: BotSession\n"
GOOD = HEAD + "metadata: {name: a}\nspec:\n  bot: {image: b, target: bot.py}\n"
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


def name(written: str) -> str:
    return GOOD.replace("name: a", f"name: {written}")


def bot(written: str) -> str:
    return GOOD.replace("image: b", written)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(name("42"), 'metadata.name: must be a string, in quotes: "42"', id="a name that is a number"),
        pytest.param(
            name("yes"), 'metadata.name: must be a string, in quotes: "true"', id="a name that is a truth value"
        ),
        pytest.param(name("[a]"), "metadata.name: must be a string", id="a name that is a list"),
        pytest.param(
            name("a, namespace: 7"), "metadata.namespace: must be a string", id="a namespace that is a number"
        ),
        pytest.param(
            name("a, labels: {v: 1.5}"), 'metadata.labels.v: must be a string, in quotes: "1.5"', id="a label"
        ),
        pytest.param(name("a, labels: [v]"), "metadata.labels: must be an object", id="a list of labels"),
        pytest.param(name("a, finalizers: x"), "metadata.finalizers: must be a list of strings", id="finalizers"),
        pytest.param(GOOD.replace("{name: a}", "[a]"), "metadata: must be an object", id="metadata that are a list"),
        pytest.param(GOOD.replace("{name: a}", ""), "metadata.name: Required value", id="no metadata"),
        pytest.param(
            HEAD + "metadata: {name: a}\nspec: [1]", "spec: must be of type object", id="a spec that is a list"
        ),
        pytest.param(HEAD + "metadata: {name: a}\nspec:", "spec: Required value", id="no spec"),
        pytest.param(bot("image: 12"), "spec.bot.image: must be of type string", id="an image that is a number"),
        pytest.param(bot("env: {A: b}, image: b"), "spec.bot.env: must be of type array", id="a map instead of a list"),
        pytest.param(bot("image: !!binary aGk="), "spec.bot.image is binary data (line 5)", id="binary data"),
        pytest.param(
            bot("image: b, body: [.nan]"), "spec.bot.body[0] is not a number that JSON allows (line 5)", id="NaN"
        ),
        pytest.param(
            bot("image: b, body: -.inf"), "spec.bot.body is not a number that JSON allows (line 5)", id="infinity"
        ),
        pytest.param(bot("image: b, body: " + "9" * 5000), "spec.bot.body is not a whole number", id="a huge number"),
        pytest.param(
            bot("image: b, body: !!int ''"), "spec.bot.body is not a whole number", id="a number without digits"
        ),
        pytest.param(bot("image: b, body: !!set {x}"), "spec.bot.body is a set (line 5)", id="a set"),
        pytest.param(bot("image: b, image: c"), "spec.bot.image appears twice (line 5)", id="a field twice"),
        pytest.param(GOOD + "spec: {}", "spec appears twice (line 6)", id="a part twice"),
        pytest.param(
            bot("? [x] : y, image: b"), "spec.bot has a list or a map as a key (line 5)", id="a list as a key"
        ),
        pytest.param(
            bot("<<: 5, image: b"), "spec.bot merges (<<) a value that is not a map (line 5)", id="a merge of a number"
        ),
        pytest.param(bot('image: "\\ud800"'), "spec.bot.image has half of a surrogate pair", id="half a character"),
        pytest.param(
            bot('image: b, python: "a\\0"'), "spec.bot.python: leave the NUL character", id="NUL in a program"
        ),
        pytest.param(
            bot('image: b, env: [{name: A, value: "\\0"}]'), "spec.bot.env[0].value: should", id="NUL in a value"
        ),
        pytest.param(bot("image: b, env: [{name: A=B}]"), "spec.bot.env[0].name: must have", id="a name with ="),
        pytest.param(bot("image: b, podTemplate: 5"), 'unknown field "spec.bot.podTemplate"', id="a misplaced field"),
        pytest.param(
            GOOD + "  podTemplate: {spec: {volumes: [5]}}", "spec.podTemplate.spec.volumes[0]: must", id="a volume"
        ),
        pytest.param(BOMB, "has more than 50000 values, including those of its aliases", id="a billion laughs"),
        pytest.param("a: &a [*a]", "a[0] is an alias of a value that contains it (line 1)", id="an alias of itself"),
        pytest.param("a: *b", "is not YAML: line 1: found undefined alias 'b'", id="an alias of nothing"),
        pytest.param("a:\n\tb: 1", "is not YAML: line 2: ", id="a tab"),
        pytest.param("[" * 3000, "is nested too deep", id="deep lists"),
        pytest.param("{a: " * 80 + "1" + "}" * 80, "is nested too deep: more than 64 levels", id="deep maps"),
        pytest.param("", "must contain one BotSession, but contains 0 documents", id="an empty file"),
        pytest.param(f"{GOOD}---\n{GOOD}", "must contain one BotSession, but contains 2 documents", id="two documents"),
        pytest.param("hello", "must contain one BotSession, but contains a single value", id="a text"),
        pytest.param("- a", "must contain one BotSession, but contains a list", id="a list"),
        pytest.param("#" * (LARGEST_BYTES + 1), "is larger than 1024 KiB", id="a large file"),
        pytest.param(bot('"\\e[31m": b, image: b'), r'unknown field "spec.bot.\x1b[31m"', id="a control character"),
    ],
)
def test_odd_manifest_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    for command in (("start", "-f", "FILE", "--dry-run", "client"), ("run", "FILE")):
        code, output = shown(text, *command)
        assert (code, output.count("\n")) == (Exit.REFUSED, 1)
        assert sentence in output


def test_file_that_is_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: caf\xe9")
    for file, sentence in (("latin.yaml", "is not YAML: its byte 6 is not UTF-8"), ("", "is a folder, not a manifest")):
        code, output = shown("", "check", f"{tmp_path / file}", "--offline")
        assert (code, output.count("\n"), sentence in output) == (Exit.REFUSED, 1, True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-31", "2026-01-31"),
        ("2026-13-45", "2026-13-45"),
        ("12:30:00", "12:30:00"),
        ("0x1F", 31),
        ("017", 15),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("'1e3'", "1e3"),
        ("-1.5", -1.5),
        ("off", False),
        ('"\\ud83d\\udd11"', "\U0001f511"),
        ("{1: a, true: b, null: c, 2026-01-01: d}", {"1": "a", "true": "b", "null": "c", "2026-01-01": "d"}),
        ("{x: &x {a: 1, b: 2}, y: {<<: *x, b: 3}}", {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}}),
        ("=", "="),
    ],
)
def test_values_are_those_that_json_has(text: str, value: Any) -> None:
    assert read_documents(f"a: {text}") == [{"a": value}]


def test_byte_order_mark_is_no_part_of_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("\ufeffa: 1", encoding="utf-8")
    assert read_manifest(tmp_path / "a.yaml") == {"a": 1}


@pytest.mark.parametrize("written", ["!!python/object:os.system {}", "!mine x", "!!omap [a: 1]", "!!float x"])
def test_other_types_are_refused(written: str) -> None:
    with pytest.raises(YamlError, match=r"^a "):
        read_documents(f"a: {written}")


def test_no_manifest_leads_to_a_traceback() -> None:
    try_manifests(150)
