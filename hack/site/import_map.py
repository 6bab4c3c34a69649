"""Draw which parts of the code import which, for docs/contributing/architecture.md: made from the imports themselves.

A part is a folder, or the modules beside it that do one thing together. An arrow is left out where a longer way exists.
"""

from collections.abc import Iterator
from typing import Final

import grimp

OPERATOR: Final = "botsession_operator"
RUNTIME: Final = "botsession_runtime"
CONTRACT: Final = "botsession_contract"
#: What the picture calls each part, and the beginnings of its modules' names. The longest beginning decides.
PARTS: Final = {
    "cli": (f"{OPERATOR}.cli",),
    "local": (f"{OPERATOR}.local",),
    "operate, handlers, server, settings, uninstall": tuple(
        f"{OPERATOR}.{name}"
        for name in ("__main__", "operate", "handlers", "server", "heartbeat_listener", "settings", "uninstall")
    ),
    "effects": (f"{OPERATOR}.effects",),
    "core/observe": (f"{OPERATOR}.core.observe",),
    "core/webhook": (f"{OPERATOR}.core.webhook",),
    "core/decide": (f"{OPERATOR}.core.decide",),
    "core/manifests": (f"{OPERATOR}.core.manifests",),
    "core/status": (f"{OPERATOR}.core.status",),
    "core: names and keys": (f"{OPERATOR}.core",),
    "api": (f"{OPERATOR}.api",),
    "ports, metrics, queue": tuple(
        f"{OPERATOR}.{name}"
        for name in (
            *("ports", "metrics", "queue", "errors", "clock", "fair_queue", "schedule", "poke_gate"),
            *("received_heartbeats", "silent_nodes", "metric_labels", "metric_collectors", "polled_supervisor"),
        )
    ),
    "reconcile and what a pass needs": (OPERATOR,),
    "hook": (f"{RUNTIME}.hook", f"{RUNTIME}.agent"),
    "supervisor and launcher": (RUNTIME,),
    "contract": (CONTRACT,),
}
PART_OF: Final = {beginning: part for part, beginnings in PARTS.items() for beginning in beginnings}
GROUPS: Final = {"Operator": OPERATOR, "In the pod": RUNTIME, "Both": CONTRACT}

Edges = dict[str, set[str]]


def picture() -> Iterator[str]:
    """Yield the lines of a Mermaid diagram: who imports whom, highest first."""
    edges = reduced(imports())
    numbers = {part: f"p{number}" for number, part in enumerate(PARTS)}
    yield "flowchart TD"
    for title, package in GROUPS.items():
        yield f'    subgraph {package}["{title}"]'
        for part in (part for part, beginnings in PARTS.items() if beginnings[0].split(".")[0] == package):
            yield f'        {numbers[part]}["{part}"]'
        yield "    end"
    for importer in numbers:
        for imported in sorted(edges.get(importer, ()), key=list(numbers).index):
            yield f"    {numbers[importer]} --> {numbers[imported]}"


def imports() -> Edges:
    """Return which part imports which, directly, but for itself."""
    graph = grimp.build_graph(OPERATOR, RUNTIME, CONTRACT)
    edges: Edges = {}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            if part_of(module) != part_of(imported):
                edges.setdefault(part_of(module), set()).add(part_of(imported))
    return edges


def part_of(module: str) -> str:
    """Return the part that a module belongs to."""
    names = module.split(".")
    return next(PART_OF[prefix] for end in range(len(names), 0, -1) if (prefix := ".".join(names[:end])) in PART_OF)


def reduced(edges: Edges) -> Edges:
    """Leave out each arrow that a longer way says already."""
    return {
        part: {each for each in found if not any(each in reach(edges, other) for other in found - {each})}
        for part, found in edges.items()
    }


def reach(edges: Edges, part: str) -> set[str]:
    """Return what a part imports, directly or by others."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        for each in edges.get(waiting.pop(), set()) - found:
            found.add(each)
            waiting.append(each)
    return found
