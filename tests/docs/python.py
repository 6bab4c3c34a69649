"""Python in the pages: it compiles, and what it imports is there."""

import ast
import importlib
from collections.abc import Iterator

from tests.docs.shell import Wrong


def check(text: str) -> None:
    """Refuse what does not compile, and imports of what there is not."""
    try:
        tree = ast.parse(text)
    except SyntaxError as exc:
        raise Wrong(f"this is no Python: {exc}") from exc
    for module, name in _imports(tree):
        try:
            found = importlib.import_module(module)
        except ImportError as exc:
            raise Wrong(str(exc)) from exc
        if name and not hasattr(found, name):
            raise Wrong(f"{module} has no {name}")


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each module that is imported, and the name out of it, if any."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)
