"""The pages of the example bots are held to the examples: what they quote is there, and every example is listed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.offenders import assert_none

EXAMPLES = Path(__file__).parents[3] / "examples"
INDEX = EXAMPLES.parent / "docs/how-to/examples.md"
PAGES = sorted(EXAMPLES.glob("*/README.md"))
QUOTE = re.compile(r"^```(?:python|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def quotes() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        yield from ((page.parent, quote) for quote in QUOTE.findall(page.read_text()))


def lines(text: str) -> Iterator[str]:
    """Return what is on the lines, whatever their indentation."""
    return (line.strip() for line in text.splitlines() if line.strip())


def test_what_a_page_quotes_is_in_the_example_in_this_order() -> None:
    found = [*quotes()]
    assert len(found) >= len(PAGES)
    assert_none(f"{folder.name}: {quote}" for folder, quote in found if not is_in_example(folder, quote))


def is_in_example(folder: Path, quote: str) -> bool:
    files = [iter([*lines(file.read_text())]) for file in (folder / "bot.py", folder / "session.yaml")]
    return any(all(line in file for line in lines(quote)) for file in files)


def test_every_example_has_a_page_and_a_manifest_and_is_listed() -> None:
    folders = {bot.parent.name for bot in EXAMPLES.glob("*/bot.py")}
    assert {page.parent.name for page in PAGES} == folders
    assert {manifest.parent.name for manifest in EXAMPLES.glob("*/session.yaml")} == folders
    assert set(re.findall(r"^\|.*\((?:\.\./)+examples/(\w+)/README\.md\)", INDEX.read_text(), re.MULTILINE)) == folders


def test_pages_show_how_to_run_their_manifests_in_both_ways() -> None:
    assert_none(command for page in PAGES for command in commands(page) if command not in shown(page))


def commands(page: Path) -> list[str]:
    manifest = f"examples/{page.parent.name}/session.yaml"
    return [f"botsession run {manifest}", f"kubectl apply -f {manifest}"]


def shown(page: Path) -> str:
    return page.read_text() + (page.parent / "session.yaml").read_text()


def in_one_image() -> Iterator[tuple[str, Any]]:
    for file in sorted(EXAMPLES.glob("*/*.yaml")):
        spec = yaml.safe_load(file.read_text())["spec"]
        if spec["bot"]["image"] == "botsession/examples:dev":
            yield file.parent.name, spec["podTemplate"]["spec"]["containers"]


def test_image_that_holds_all_examples_runs_each_in_its_folder() -> None:
    found = [*in_one_image()]
    assert len(found) >= len(PAGES) - 1
    assert_none(
        folder for folder, containers in found if [each["workingDir"] for each in containers] != [f"/app/{folder}"]
    )
