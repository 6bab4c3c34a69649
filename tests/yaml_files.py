"""YAML files of the tree, read by libyaml where PyYAML has it: ten times as fast, and each test process reads them."""

from pathlib import Path
from typing import Any, Final

import yaml

_SAFE_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(file: Path) -> Any:
    """Return the only document of a file."""
    return yaml.load(file.read_text("utf-8"), _SAFE_LOADER)  # noqa: S506  # both are safe loaders
