"""`botsession start` from options makes the manifest that somebody would have written."""

from pathlib import Path
from typing import Any

import pytest

from botsession_operator.api.admission import admit
from botsession_operator.cli.cli_error import CliError, Exit
from botsession_operator.cli.start.manifest_builder import StartOptions, build_manifest, stem

BOT = StartOptions(image="registry.example/support-bot:1", target="bot.py")


def options(**more: Any) -> StartOptions:
    return StartOptions(**{"image": "bot:1", "target": "bot.py", **more})


def test_least_that_is_needed_is_an_image_and_a_target() -> None:
    manifest = build_manifest("support-42", BOT)
    assert manifest["metadata"] == {"name": "support-42"}
    assert manifest["spec"] == {"bot": {"image": "registry.example/support-bot:1", "target": "bot.py"}}


def test_name_is_made_of_the_images() -> None:
    assert build_manifest(None, BOT)["metadata"] == {"generateName": "support-bot-"}


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("bot", "bot"),
        ("a.example:5000/team/Support_Bot:1.4", "support-bot"),
        ("bot@sha256:abc", "bot"),
        ("x" * 90, "x" * 40),
        ("__", "bot"),
    ],
)
def test_any_image_makes_a_name(image: str, name: str) -> None:
    assert stem(image) == name


def test_every_option_makes_a_manifest_that_is_accepted() -> None:
    full = options(
        body='{"customer": 42}',
        env=("A=b=c",),
        env_from_secret=("keys",),
        max_duration="15m",
        idle_timeout="5m",
        farewell="Goodbye",
        python="/venv/bin/python",
    )
    spec = admit(build_manifest("a", full))["spec"]
    assert spec["bot"]["body"] == {"customer": 42}
    assert spec["bot"]["env"] == [{"name": "A", "value": "b=c"}]
    assert spec["maxSessionDuration"] == "15m"


def test_command_line_is_split_like_a_shells() -> None:
    bot = build_manifest("a", options(target=None, command="python -m 'my bot'"))["spec"]["bot"]
    assert bot["command"] == ["python", "-m", "my bot"]


def test_body_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text('{"language": "en"}')
    bot = build_manifest("a", options(body=f"@{tmp_path / 'body.json'}"))["spec"]["bot"]
    assert bot["body"] == {"language": "en"}


@pytest.mark.parametrize(
    ("wrong", "code", "sentence"),
    [
        pytest.param(StartOptions(), Exit.REFUSED, "set the bot's --image", id="nothing"),
        pytest.param(StartOptions(image="bot"), Exit.REFUSED, "either the bot's --target", id="no target"),
        pytest.param(options(command="run"), Exit.REFUSED, "either the bot's --target", id="target and command"),
        pytest.param(options(body="{"), Exit.REFUSED, "--body is not JSON", id="a broken body"),
        pytest.param(options(body="@/nowhere"), Exit.NOT_FOUND, "No such file", id="no such file"),
        pytest.param(options(env=("A",)), Exit.REFUSED, "--env A is not NAME=VALUE", id="a variable without a value"),
        pytest.param(options(env=("=b",)), Exit.REFUSED, "--env =b is not NAME=VALUE", id="a variable without a name"),
        pytest.param(options(target=None, command="'"), Exit.REFUSED, "no", id="a quote that never ends"),
    ],
)
def test_option_that_makes_no_sense_is_refused(wrong: StartOptions, code: Exit, sentence: str) -> None:
    with pytest.raises(CliError, match=sentence) as raised:
        build_manifest(None, wrong)
    assert raised.value.code is code
