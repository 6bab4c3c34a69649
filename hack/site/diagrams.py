"""Where the drawing of a Mermaid diagram is: in docs/assets/diagrams, by the hash of the diagram's text."""

import hashlib
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "docs/assets/diagrams"
FENCE: Final = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def drawing_of(text: str) -> Path:
    """Name the drawing of a diagram."""
    return FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.svg"


def drawings(root: Path) -> dict[Path, str]:
    """Return the texts of all diagrams in the pages, by the names of their drawings."""
    pages = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("examples/**/*.md")]
    texts = [text for page in pages for text in FENCE.findall(page.read_text("utf-8"))]
    return {drawing_of(text): text for text in texts}


def drawn(markdown: str) -> str:
    """Put the drawings in place of the diagrams of a page."""
    return FENCE.sub(lambda fence: f'<figure class="diagram">{_svg(fence[1])}</figure>\n', markdown)


def _svg(text: str) -> str:
    drawing = drawing_of(text)
    if not drawing.exists():
        raise FileNotFoundError(f"a diagram was changed and not drawn again: run hack/diagrams\n{text}")
    return drawing.read_text("utf-8").strip()
