"""What the documents say is held to the code: manifests are admitted, links lead somewhere, tables are complete."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from botsession_contract.lifecycle import Outcome, Reason
from botsession_contract.names import KIND
from botsession_operator.api.admission import admit
from tests.offenders import assert_none, failures

ROOT = Path(__file__).parents[3]
DOCS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), *ROOT.glob("hack/**/*.md")]
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def at(path: Path) -> str:
    return str(path.relative_to(ROOT))


def manifests() -> Iterator[tuple[str, Any]]:
    """Yield where each session stands, and the session."""
    files = [(file, file.read_text()) for file in sorted(ROOT.glob("examples/**/*.yaml"))]
    fenced = [
        (doc, text)
        for doc in DOCS
        for text in re.findall(r"^```yaml\n(.*?)^```", doc.read_text(), re.MULTILINE | re.DOTALL)
    ]
    for file, text in files + fenced:
        for number, document in enumerate(yaml.safe_load_all(text)):
            if isinstance(document, dict) and document.get("kind") == KIND:
                yield f"{at(file)}: {document['metadata'].get('name', number)}", document


def links() -> Iterator[tuple[Path, str]]:
    """Yield each link that stays among the documents, and where it stands."""
    for doc in DOCS:
        for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", doc.read_text())):
            if "://" not in link:
                yield doc, link


def anchors(text: str) -> set[str]:
    """Return the anchors that a Markdown viewer makes of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_manifests_in_documents_are_acceptable() -> None:
    found = [*manifests()]
    assert len(found) > 20
    assert_none(failures(found, lambda each: admit(each[1]), lambda each: each[0]))


def test_links_lead_somewhere() -> None:
    found = [*links()]
    assert len(found) > 200
    assert_none(f"{at(doc)}: {link}" for doc, link in found if not leads_somewhere(doc, link))


def leads_somewhere(doc: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = doc.parent / path if path else doc
    return target.exists() and (not anchor or anchor in anchors(target.read_text()))


def test_readme_names_only_reasons_and_outcomes_that_exist() -> None:
    cells = re.findall(r"^\|[^|]+\|[^|]+\|([^|]+\|[^|]+)\|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    words = {word for cell in cells for word in re.findall(r"`([A-Z]\w+)`", cell)}
    assert words <= {*Reason, *Outcome}
    assert len(words) > len(Outcome)


def test_every_row_of_the_support_table_has_its_test() -> None:
    rows = json.loads((ROOT / "docs" / "reference" / "pipecat-support.json").read_text())["rows"]
    for file, name in (row["test"].split("::") for row in rows):
        assert f"def {name}(" in (ROOT / file).read_text(), f"{name} is no longer in {file}: make support"


def test_picture_loads_nothing_from_elsewhere() -> None:
    urls = re.findall(r"https?://[^\s\"')<]+", (ROOT / "docs" / "demo.svg").read_text())
    assert set(urls) <= {"http://www.w3.org/2000/svg"}
