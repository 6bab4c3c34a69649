"""The runtime image has bytecode for each version of Python that runs it: its mount is read-only."""

import re
import tomllib
from typing import Final

from hack.supply.locks import ROOT

DOCKERFILE: Final = (ROOT / "Dockerfile").read_text("utf-8")
COMPILED: Final = re.findall(
    r"^FROM \S+ AS bytecode-(3\.\d+)\n(?:COPY .*\n)+RUN python3 -m compileall ", DOCKERFILE, re.MULTILINE
)
COPIED: Final = re.findall(r"^COPY --from=bytecode-(3\.\d+) /botsession /image/botsession$", DOCKERFILE, re.MULTILINE)


def test_image_has_the_bytecode_of_each_version_that_is_compiled() -> None:
    assert COMPILED == COPIED


def test_each_supported_version_is_compiled() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    supported = {found[1] for text in classifiers if (found := re.fullmatch(r".* :: Python :: (3\.\d+)", text))}
    assert supported
    assert supported <= set(COMPILED)
