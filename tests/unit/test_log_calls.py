"""How our code logs: no text from outside is a template, and no sink shows the values of variables."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LEVELS: Final = {"trace", "debug", "info", "success", "warning", "error", "critical", "exception"}
SINK: Final = {"backtrace": False, "diagnose": False}


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Yield the calls of methods in files that use loguru: the place, the call and the method's name."""
    for path in sorted([*ROOT.glob("operator/src/**/*.py"), *ROOT.glob("runtime/src/**/*.py")]):
        text = path.read_text()
        if "from loguru import" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node, node.func.attr


def is_logger(node: ast.expr) -> bool:
    """Return whether an expression is loguru's logger, or what it is bound to."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return isinstance(node, ast.Name) and node.id in ("log", "logger")


def test_only_constants_are_filled_in() -> None:
    found = [
        place
        for place, call, name in calls()
        if name in LEVELS and isinstance(call.func, ast.Attribute) and is_logger(call.func.value)
        if not isinstance(call.args[0], ast.Constant) and (call.args[1:] or call.keywords)
    ]
    assert found == []


def test_no_sink_shows_variables() -> None:
    sinks = 0
    for place, call, name in calls():
        if not (isinstance(call.func, ast.Attribute) and is_logger(call.func.value)):
            continue
        if name == "add":
            given = {each.arg: each.value for each in call.keywords}
            assert {key: value.value for key, value in given.items() if isinstance(value, ast.Constant)}.items() >= (
                SINK.items()
            ), place
            sinks += 1
    assert sinks == 1  # the hook's; what `configure` makes is tried in the tests of both logs
