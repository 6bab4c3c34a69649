"""YAML that is long or read often, by libyaml where PyYAML has it: ten times as fast as PyYAML alone."""

from pathlib import Path
from typing import Any, Final

import yaml

_SAFE_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(file: Path) -> Any:
    """Return the only document of a file."""
    return yaml.load(file.read_text("utf-8"), _SAFE_LOADER)  # noqa: S506  # both are safe loaders


def documents(text: str) -> list[Any]:
    """Return all documents of a text that are not empty."""
    return [each for each in yaml.load_all(text, _SAFE_LOADER) if each]  # as above
