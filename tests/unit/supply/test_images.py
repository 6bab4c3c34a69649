"""What is in the images: the operator's has what the operator imports, and nothing that only the command line needs."""

import sys
from functools import cache
from importlib.metadata import packages_distributions

import grimp
from packaging.utils import canonicalize_name

from hack.supply.locks import ROOT, pins

OURS = ("botsession_operator", "botsession_runtime", "botsession_contract")


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*OURS, include_external_packages=True)


def imported_from(start: str) -> set[str]:
    """Return the packages, by their names on an index, that are imported when a module of ours is."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module not in seen and module.partition(".")[0] in OURS:
            waiting += graph().find_modules_directly_imported_by(module)
        seen.add(module)
    outside = {module.partition(".")[0] for module in seen} - {*OURS} - sys.stdlib_module_names
    return {canonicalize_name(packages_distributions()[module][0]) for module in outside}


def test_the_operators_image_is_given_what_the_operator_imports_and_nothing_else() -> None:
    asked = {
        pin.name for pin in pins(ROOT / "requirements/operator.txt") if "-r requirements/operator.in" in pin.asked_by
    }
    assert asked == imported_from("botsession_operator.__main__")


def test_the_supervisor_imports_what_comes_with_pipecat() -> None:
    assert imported_from("botsession_runtime.__main__") == {"aiohttp", "loguru"}
    assert {"aiohttp", "loguru"} <= {pin.name for pin in pins(ROOT / "requirements/pipecat.txt")}
