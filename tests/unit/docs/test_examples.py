"""The pages of the example bots are held to the examples: what they quote is there, and every example is listed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLES = Path(__file__).parents[3] / "examples"
INDEX = EXAMPLES.parent / "docs/how-to/examples.md"
PAGES = sorted(EXAMPLES.glob("*/README.md"))
QUOTE = re.compile(r"^```(?:python|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def quotes() -> Iterator[Any]:
    for page in PAGES:
        for number, quote in enumerate(QUOTE.findall(page.read_text())):
            yield pytest.param(page.parent, quote, id=f"{page.parent.name}-{number}")


def lines(text: str) -> Iterator[str]:
    """Give what is on the lines, whatever their indentation."""
    return (line.strip() for line in text.splitlines() if line.strip())


@pytest.mark.parametrize(("folder", "quote"), list(quotes()))
def test_what_a_page_quotes_is_in_the_example_in_this_order(folder: Path, quote: str) -> None:
    files = [iter([*lines(file.read_text())]) for file in (folder / "bot.py", folder / "session.yaml")]
    assert any(all(line in file for line in lines(quote)) for file in files)


def test_every_example_has_a_page_and_a_manifest_and_is_listed() -> None:
    folders = {bot.parent.name for bot in EXAMPLES.glob("*/bot.py")}
    assert {page.parent.name for page in PAGES} == folders
    assert {manifest.parent.name for manifest in EXAMPLES.glob("*/session.yaml")} == folders
    assert set(re.findall(r"^\|.*\((?:\.\./)+examples/(\w+)/README\.md\)", INDEX.read_text(), re.MULTILINE)) == folders


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_page_shows_how_to_run_its_manifest_in_both_ways(page: Path) -> None:
    manifest = f"examples/{page.parent.name}/session.yaml"
    text = page.read_text() + (page.parent / "session.yaml").read_text()
    assert f"botsession run {manifest}" in text
    assert f"kubectl apply -f {manifest}" in text


def in_one_image() -> Iterator[Any]:
    for file in sorted(EXAMPLES.glob("*/*.yaml")):
        spec = yaml.safe_load(file.read_text())["spec"]
        if spec["bot"]["image"] == "botsession/examples:dev":
            yield pytest.param(file.parent.name, spec, id=f"{file.parent.name}-{file.stem}")


@pytest.mark.parametrize(("folder", "spec"), list(in_one_image()))
def test_image_that_holds_all_examples_runs_each_in_its_folder(folder: str, spec: dict[str, Any]) -> None:
    (container,) = spec["podTemplate"]["spec"]["containers"]
    assert container["workingDir"] == f"/app/{folder}"
