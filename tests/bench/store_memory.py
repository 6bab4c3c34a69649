"""What the watch store keeps of a session and its pod, in bytes, beside their size as JSON. It needs no cluster.

    python -m tests.bench.store_memory --sessions 1000

The store keeps what passes read: no managedFields, no annotations, nothing of a pod's spec but a few values. The parts
of a spec that may be any JSON are kept as text, so that the largest session costs about its own size.
"""

import gc
import json
import tracemalloc
from collections.abc import Iterator
from typing import Final

from botsession_contract.names import SESSION_LABEL, SESSION_UID_LABEL
from botsession_operator.api.spec import Json
from botsession_operator.api.spec_bounds import BODY_BYTES, ITEMS, SPEC_BYTES
from botsession_operator.watch_store import WatchStore
from tests.bench import figures
from tests.bench.quiet_pass import quiet_pass

#: As a kubelet, an API server and service meshes write it into a pod, but more.
NOISE: Final = {f"mesh.example/{number}": "x" * 1000 for number in range(20)}
#: Many small values: Python's objects for them take twenty times their size as JSON.
SMALL: Final = {"a": 1}


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, sessions=1000)
    crowds = {
        "ordinary": (False, options.sessions),
        "the largest that the CRD admits": (True, options.sessions // 20 or 1),
    }
    samples = {name: measure(count, is_largest=largest) for name, (largest, count) in crowds.items()}
    rows = [
        [f"{name}: {kind}", f"{kept:.0f}", f"{size:.0f}"] for name, of in samples.items() for kind, kept, size in of
    ]
    figures.show("Bytes in the watch store", ["", "kept", "as JSON"], rows)
    figures.keep("store_memory", samples)


def measure(count: int, *, is_largest: bool) -> list[tuple[str, float, float]]:
    """Return for sessions and pods how many bytes the store keeps of one, and its size as JSON."""
    store, found = WatchStore(), []
    for kind in ("session", "pod"):
        texts = [json.dumps(raw) for raw in _objects(kind, count, is_largest=is_largest)]
        event = store.session_event if kind == "session" else store.pod_event
        gc.collect()
        tracemalloc.start()
        for text in texts:
            event(None, json.loads(text))
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        found.append((kind, kept / count, sum(map(len, texts)) / count))
    return found


def _objects(kind: str, count: int, *, is_largest: bool) -> Iterator[Json]:
    read = quiet_pass()
    for number in range(count):
        raw: Json = json.loads(json.dumps(read.session if kind == "session" else read.pod))
        name, uid = f"support-{number}", f"5b8f3c1e-0000-4000-8000-{number:012d}"
        metadata = raw["metadata"]
        metadata |= {"annotations": dict(NOISE), "managedFields": [{"fieldsV1": dict(NOISE)}]}
        if kind == "session":
            metadata |= {"name": name, "uid": uid}
            raw["spec"] |= largest_parts() if is_largest else {}
            raw["spec"]["bot"] |= {"body": largest_body()} if is_largest else {}
        else:
            metadata |= {"name": f"{name}-{number:08x}", "uid": f"7c{uid[2:]}"}
            metadata["labels"] |= {SESSION_LABEL: name, SESSION_UID_LABEL: uid}
            metadata["ownerReferences"][0] |= {"name": name, "uid": uid}
        yield raw


def largest_body() -> Json:
    """Return a body of as many small values as the CRD admits."""
    return {str(number): [SMALL] * 3 for number in range(min(ITEMS, BODY_BYTES // 40))}


def largest_parts() -> Json:
    """Return the members of a spec that can be large, besides the body."""
    volumes = [{"name": f"v{number}", "emptyDir": {}, "more": [SMALL] * 4} for number in range(1500)]
    assert len(json.dumps(volumes)) + BODY_BYTES < SPEC_BYTES
    return {"podTemplate": {"spec": {"volumes": volumes}}}


if __name__ == "__main__":
    main()
