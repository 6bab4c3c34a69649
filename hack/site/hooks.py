"""What MkDocs does otherwise for this site: pages keep the paths that they have in the repository.

A link then leads to the same place on a code host and on the site: from README.md to docs/how-to/bots.md, and
from there to ../../examples. What pages link to outside docs/ becomes part of the site, as a page or as a file.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
import diagrams  # beside this file, which MkDocs loads by its path

ROOT = Path(__file__).resolve().parents[2]
START = "README.md"
#: Who searches for a reason wants to read what it means before where it occurs.
FOUND_FIRST = "docs/reference/reasons.md"
FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()[^)\s#]+")
#: A link with its text.
FOLDER_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s#:]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Return the files of the theme, and ours by their paths in the repository."""
    ours = {ROOT / START, *(Path(file.abs_src_path) for file in files if _is_ours(file, config))}
    from_theme = [file for file in files if not _is_ours(file, config)]
    return Files([*from_theme, *(_placed(path, config) for path in sorted(_with_links(ours)))])


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Leave only the text of links to folders of the repository, which have no page; put in the drawings."""
    if page.file.src_uri == FOUND_FIRST:
        page.meta["search"] = {"boost": 4}
    folder = Path(str(page.file.abs_src_path)).parent
    without = FOLDER_LINK.sub(lambda link: link[1] if (folder / link[2]).is_dir() else link[0], markdown)
    return diagrams.drawn(without)


def _is_ours(file: File, config: MkDocsConfig) -> bool:
    return file.src_dir == config.docs_dir


def _with_links(start: set[Path]) -> set[Path]:
    """Add the files of the repository that these pages link to, and so on."""
    found: set[Path] = set()
    left = set(start)
    while left:
        found |= left
        left = {target for path in left if path.suffix == ".md" for target in _targets(path)} - found
    return found


def _targets(page: Path) -> Iterator[Path]:
    for link in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        target = (page.parent / link).resolve()
        if "://" not in link and target.is_file() and target.is_relative_to(ROOT):
            yield target


def _placed(path: Path, config: MkDocsConfig) -> File:
    """Put a file where its address is short: what is in docs/ at the top."""
    source = path.relative_to(ROOT).as_posix()
    file = File.generated(config, source, abs_src_path=str(path))
    if source == "docs/README.md":
        file.dest_uri = "pages/index.html"
    elif source.startswith("docs/"):
        file.dest_uri = file.dest_uri.removeprefix("docs/")
    return file
