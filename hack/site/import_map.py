"""Draw which parts of the code import which, for docs/contributing/architecture.md: made from the imports themselves.

A part is a folder, or the modules beside it that do one thing together. An arrow is left out where a longer way exists.
"""

from collections.abc import Iterator
from typing import Final

import grimp

OPERATOR: Final = "botsession_operator"
RUNTIME: Final = "botsession_runtime"
CONTRACT: Final = "botsession_contract"
#: The parts, by the longest beginning of a module's name, with what the picture calls them.
PARTS: Final = {
    f"{OPERATOR}.cli": "cli",
    f"{OPERATOR}.local": "local",
    f"{OPERATOR}.__main__": "operate, handlers, server, settings, uninstall",
    f"{OPERATOR}.operate": "operate, handlers, server, settings, uninstall",
    f"{OPERATOR}.handlers": "operate, handlers, server, settings, uninstall",
    f"{OPERATOR}.server": "operate, handlers, server, settings, uninstall",
    f"{OPERATOR}.settings": "operate, handlers, server, settings, uninstall",
    f"{OPERATOR}.uninstall": "operate, handlers, server, settings, uninstall",
    f"{OPERATOR}.effects": "effects",
    f"{OPERATOR}.core.observe": "core/observe",
    f"{OPERATOR}.core.webhook": "core/webhook",
    f"{OPERATOR}.core.decide": "core/decide",
    f"{OPERATOR}.core.manifests": "core/manifests",
    f"{OPERATOR}.core.status": "core/status",
    f"{OPERATOR}.core": "core: names and keys",
    f"{OPERATOR}.api": "api",
    f"{OPERATOR}.ports": "ports, metrics, queue",
    f"{OPERATOR}.metrics": "ports, metrics, queue",
    f"{OPERATOR}.queue": "ports, metrics, queue",
    f"{OPERATOR}.errors": "ports, metrics, queue",
    f"{OPERATOR}.clock": "ports, metrics, queue",
    f"{OPERATOR}.fair_queue": "ports, metrics, queue",
    f"{OPERATOR}.schedule": "ports, metrics, queue",
    f"{OPERATOR}.poke_gate": "ports, metrics, queue",
    f"{OPERATOR}.silent_nodes": "ports, metrics, queue",
    f"{OPERATOR}.polling_metrics": "ports, metrics, queue",
    f"{OPERATOR}.polled_supervisor": "ports, metrics, queue",
    f"{OPERATOR}": "reconcile and what a pass needs",
    f"{RUNTIME}.hook": "hook",
    f"{RUNTIME}.agent": "hook",
    f"{RUNTIME}": "supervisor and launcher",
    CONTRACT: "contract",
}
GROUPS: Final = {"Operator": OPERATOR, "In the pod": RUNTIME, "Both": CONTRACT}

Edges = dict[str, set[str]]


def picture() -> Iterator[str]:
    """Yield the lines of a Mermaid diagram: who imports whom, highest first."""
    edges = reduced(imports())
    numbers = {part: f"p{number}" for number, part in enumerate(dict.fromkeys(PARTS.values()))}
    yield "flowchart TD"
    for title, package in GROUPS.items():
        yield f'    subgraph {package}["{title}"]'
        for part in dict.fromkeys(name for prefix, name in PARTS.items() if prefix.split(".")[0] == package):
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
    return next(PARTS[prefix] for end in range(len(names), 0, -1) if (prefix := ".".join(names[:end])) in PARTS)


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
