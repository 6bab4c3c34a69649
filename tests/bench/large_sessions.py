"""What large sessions cost the operator's memory as it starts, without a cluster: a list of them, as kopf reads it.

    python -m tests.bench.large_sessions --sessions 100 --kilobytes 1000 --bare 0

The API server is one of the tests', in a process of its own, and has sessions that were stored before their size was
bounded. `--bare 1` reads them in one piece and whole, as kopf does by itself.
"""

import asyncio
import multiprocessing
import os
import resource
import tempfile
from pathlib import Path
from typing import Any, Final

import kopf

from botsession_contract.names import GROUP, PLURAL, VERSION
from botsession_operator.api.spec import Json
from botsession_operator.effects.watching import Collection, Listed, Watches, watching_session
from botsession_operator.handlers import make_settings
from tests.apiserver import kubeconfig
from tests.bench import figures
from tests.stored import Store, serving, session

#: A body of many small values costs a reader 20 times its size; one text costs its size.
VALUE: Final = '{"a": 1}, '


def main() -> None:
    """Measure, print, keep."""
    options = figures.arguments(__doc__, sessions=100, kilobytes=1000, bare=0)
    parent, child = multiprocessing.Pipe()
    serve = multiprocessing.Process(target=_serve, args=(child, options.sessions, options.kilobytes), daemon=True)
    serve.start()
    url = parent.recv()
    before = _peak_mib()
    seen = asyncio.run(_list(url, options.sessions, is_bare=bool(options.bare)))
    found = {"sessions": seen, "before_mib": before, "peak_mib": _peak_mib()}
    serve.terminate()
    rows = [[str(found["sessions"]), f"{found['before_mib']} MiB", f"{found['peak_mib']} MiB"]]
    figures.show("Large sessions", ("sessions", "before", "highest use of memory"), rows)
    figures.keep("large_sessions", found)


class Seen:
    """Counts sessions."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.names: set[str] = set()
        self.all = asyncio.Event()

    def note(self, name: str) -> None:
        """Count a session, once."""
        self.names.add(name)
        if len(self.names) == self._expected:
            self.all.set()

    def see(self, _plural: str, _event_type: str | None, raw: Json) -> None:
        """Count what a list or a watch brings."""
        self.note(raw["metadata"]["name"])

    def list_ended(self, collection: Collection, listed: Listed) -> None:
        """Do nothing."""


async def _list(url: str, sessions: int, *, is_bare: bool) -> int:
    """Run kopf, as the operator does or by itself, until it has seen so many sessions."""
    seen, settings, registry = Seen(sessions), make_settings(), kopf.OperatorRegistry()
    if is_bare:
        settings.watching.initial_streaming, settings.watching.chunk_size = False, None

    @kopf.on.login(registry=registry)
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | kopf.AiohttpSession | None:
        found = kopf.login_with_kubeconfig(**kwargs)
        return watching_session(found, Watches(seen, settings, frozenset({PLURAL}))) if found and not is_bare else found

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def count(name: str, **_: Any) -> None:
        seen.note(name)

    with tempfile.TemporaryDirectory() as folder:
        os.environ["KUBECONFIG"] = str(kubeconfig(Path(folder), url))
        await kopf.operator(registry=registry, settings=settings, standalone=True, clusterwide=True, stop_flag=seen.all)
    return len(seen.names)


def _serve(pipe: Any, sessions: int, kilobytes: int) -> None:
    async def serve() -> None:
        body = f"[{VALUE * (kilobytes * 1000 // len(VALUE))}1]"
        async with serving(Store({f"s{n}": session(f"s{n}", body) for n in range(sessions)})) as store:
            pipe.send(store.url)
            await asyncio.Event().wait()

    asyncio.run(serve())


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
