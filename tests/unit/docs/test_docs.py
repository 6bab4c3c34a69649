"""What the documents say is held to the code: manifests are admitted, links lead somewhere, tables are complete."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from botsession_contract.lifecycle import ERROR_REASONS, FAILED_OUTCOMES, Outcome, Reason
from botsession_contract.names import KIND
from botsession_operator.api.admission import admit

ROOT = Path(__file__).parents[3]
DOCS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), *ROOT.glob("hack/**/*.md")]
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ENDINGS = (ROOT / "docs" / "endings.md").read_text()


def at(path: Path) -> str:
    return str(path.relative_to(ROOT))


def manifests() -> Iterator[Any]:
    files = [(file, file.read_text()) for file in sorted(ROOT.glob("examples/**/*.yaml"))]
    fenced = [
        (doc, text)
        for doc in DOCS
        for text in re.findall(r"^```yaml\n(.*?)^```", doc.read_text(), re.MULTILINE | re.DOTALL)
    ]
    for file, text in files + fenced:
        for number, document in enumerate(yaml.safe_load_all(text)):
            if isinstance(document, dict) and document.get("kind") == KIND:
                yield pytest.param(document, id=f"{at(file)}: {document['metadata'].get('name', number)}")


def links() -> Iterator[Any]:
    for doc in DOCS:
        for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", doc.read_text())):
            if "://" not in link:
                yield pytest.param(doc, link, id=f"{at(doc)}: {link}")


def anchors(text: str) -> set[str]:
    """Give the anchors that a Markdown viewer makes of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(heading: str) -> dict[str, str]:
    """Give the first and the last cell of each row of the table under a heading of endings.md."""
    section = ENDINGS.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([A-Z]\w+)` \|.*\| ([^|]+) \|$", section, re.MULTILINE)
    assert len(found) == len(dict(found)), "a row is there twice"
    return dict(found)


@pytest.mark.parametrize("manifest", list(manifests()))
def test_manifest_in_a_document_is_acceptable(manifest: dict[str, Any]) -> None:
    admit(manifest)


@pytest.mark.parametrize(("doc", "link"), list(links()))
def test_link_leads_somewhere(doc: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = doc.parent / path if path else doc
    assert target.exists()
    assert not anchor or anchor in anchors(target.read_text())


def test_every_reason_has_a_row_that_says_its_phase() -> None:
    assert rows("Reasons") == {reason: "Failed" if reason in ERROR_REASONS else "Succeeded" for reason in Reason}


def test_every_outcome_has_a_row_that_says_its_phase() -> None:
    assert rows("Outcomes") == {out: "Failed" if out in FAILED_OUTCOMES else "by reason" for out in Outcome}


def test_readme_names_only_reasons_and_outcomes_that_exist() -> None:
    cells = re.findall(r"^\|[^|]+\|[^|]+\|([^|]+\|[^|]+)\|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    words = {word for cell in cells for word in re.findall(r"`([A-Z]\w+)`", cell)}
    assert words <= {*Reason, *Outcome}
    assert len(words) > len(Outcome)


def test_picture_loads_nothing_from_elsewhere() -> None:
    urls = re.findall(r"https?://[^\s\"')<]+", (ROOT / "docs" / "demo.svg").read_text())
    assert set(urls) <= {"http://www.w3.org/2000/svg"}
