"""Bounds on the parts of a spec for which the CRD allows any JSON: levels, items and bytes.

On a cluster, the chart's ValidatingAdmissionPolicy enforces them; a test compares its numbers with these. `botsession
run` uses this module. Sessions that were stored without that policy meet bounds again where they are read
(`bounded_json.py`), and where a pod is built.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from botsession_operator.api.spec import Json

#: Levels of objects and lists below `spec.bot.body`, and below `spec.podTemplate`.
LEVELS: Final = 32
#: Members of one object, or items of one list. The time of a CEL rule grows with its square.
ITEMS: Final = 4096
#: Linux limits an environment variable to 128 KiB (MAX_ARG_STRLEN), and one variable carries the body.
BODY_BYTES: Final = 120 * 1024
#: The API server stores objects of 1.5 MB, and metadata.managedFields repeat the spec.
SPEC_BYTES: Final = 256 * 1024


def bound_problems(spec: Json) -> Iterator[str]:
    """Yield a sentence for each bound that a spec exceeds."""
    body, template = spec["bot"].get("body"), spec.get("podTemplate")
    for name, value in (("spec.bot.body", body), ("spec.podTemplate", template)):
        if not _is_shallow(value, LEVELS):
            yield f"{name} may be nested {LEVELS} levels deep and have {ITEMS} items in a list or object"
            return
    if _size(body) > BODY_BYTES:
        yield f"spec.bot.body may take {BODY_BYTES // 1024} KiB as JSON"
    if _size(spec) > SPEC_BYTES:
        yield f"spec may take {SPEC_BYTES // 1024} KiB as JSON"


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and len(value) <= ITEMS and all(_is_shallow(each, levels - 1) for each in inner)


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
