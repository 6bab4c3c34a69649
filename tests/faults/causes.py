"""What each cause of the table does, and how it is undone: a cause is entered to strike, and left to be over."""

import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final

from kubernetes.client import ApiException

from tests.e2e.world import KUBECTL
from tests.faults import node, subject
from tests.faults.cell import Played
from tests.faults.proxy import Answer, Fault, Proxy
from tests.faults.table import Cause

Strike = Callable[[Played], None]
Hold = Callable[[Cause, Proxy], AbstractContextManager[None]]


@contextmanager
def struck(cause: Cause, played: Collection[Played], proxy: Proxy) -> Iterator[None]:
    """Strike sessions, or all of the cluster, with a cause; afterwards all is well again."""
    with ExitStack() as stack:
        if cause.name in CLUSTER:
            stack.enter_context(CLUSTER[cause.name](cause, proxy))
        if cause.strikes == "session" or cause.name in SESSION:
            for each in played:
                stack.callback(each.mend_requests)
            with ThreadPoolExecutor() as threads:
                list(threads.map(_strike, played))
        yield


def _strike(played: Played) -> None:
    """Strike one session; one that is not there yet, or no longer, has slipped."""
    if played.slipped:
        return
    try:
        SESSION.get(played.cell.cause.name, Played.break_requests)(played)
    except (AssertionError, ApiException, KeyError):  # no process, no pod, no name of a pod
        played.slipped = True


@contextmanager
def operator_killed(cause: Cause, proxy: Proxy) -> Iterator[None]:
    """SIGKILL the operator."""
    subject.kill()
    yield


@contextmanager
def connection_refused(cause: Cause, proxy: Proxy) -> Iterator[None]:
    """Let nothing listen where the API server should."""
    proxy.refuse()
    try:
        yield
    finally:
        proxy.accept()


@contextmanager
def watches_broken(cause: Cause, proxy: Proxy) -> Iterator[None]:
    """End all watches, and let what follows go wrong as the table says."""
    fault = Fault(**{**cause.fault, "answer": Answer[cause.fault["answer"]]})
    proxy.fault(fault)
    if fault.answer is not Answer.SILENT:
        # Only the event makes kopf list anew; a watch that just ends is taken up where it was.
        proxy.relist(fault.status if fault.watches else None)
    try:
        yield
    finally:
        proxy.lift(fault)
    assert fault.hits, f"{cause.name} has struck no request"


@contextmanager
def relisted(cause: Cause, proxy: Proxy) -> Iterator[None]:
    """End all watches by the event that asks for a new list."""
    proxy.relist()
    yield


@contextmanager
def node_drained(cause: Cause, proxy: Proxy) -> Iterator[None]:
    """Drain the worker of sessions, as an administrator does; nobody here waits for the command."""
    options = ("--pod-selector=botsession.dev/session", "--ignore-daemonsets", "--force", "--timeout=120s")
    with (
        node.cordoned(),
        subprocess.Popen([KUBECTL, "drain", node.WORKER, *options], stdout=subprocess.DEVNULL) as drain,
    ):
        try:
            yield
        finally:
            drain.terminate()


@contextmanager
def wedged_and_alone(cause: Cause, proxy: Proxy) -> Iterator[None]:
    """Take the operator away from a session whose supervisor is about to be stopped."""
    with connection_refused(cause, proxy):
        yield


def _done_to_node(action: Callable[[], AbstractContextManager[None]]) -> Hold:
    @contextmanager
    def hold(cause: Cause, proxy: Proxy) -> Iterator[None]:
        with action():
            yield

    return hold


def kill_supervisor(played: Played) -> None:
    """SIGKILL process 1 of the container."""
    node.signal(played.supervisor_pid, "KILL")


def stop_supervisor(played: Played) -> None:
    """SIGSTOP process 1 of the container."""
    node.signal(played.supervisor_pid, "STOP")


def kill_bot(played: Played) -> None:
    """SIGKILL the bot."""
    node.signal(played.bot_pid, "KILL")


def delete_pod(played: Played) -> None:
    """Delete the pod with its grace."""
    played.world.delete_pod(played.session)


def delete_pod_by_force(played: Played) -> None:
    """Delete the pod without grace."""
    played.world.delete_pod(played.session, grace=0)


#: Done to one session; causes that are not here break its requests.
SESSION: Final[Mapping[str, Strike]] = {
    "supervisor-killed": kill_supervisor,
    "supervisor-wedged": stop_supervisor,
    "wedged-and-alone": stop_supervisor,
    "bot-killed": kill_bot,
    "pod-deleted": delete_pod,
    "pod-deleted-by-force": delete_pod_by_force,
}
#: Done to all at once.
CLUSTER: Final[Mapping[str, Hold]] = {
    "operator-killed": operator_killed,
    "connection-refused": connection_refused,
    "cut-off-from-api": connection_refused,
    "wedged-and-alone": wedged_and_alone,
    "watch-410": watches_broken,
    "list-410": watches_broken,
    "watch-silent": watches_broken,
    "relist": relisted,
    "node-cordoned": _done_to_node(node.cordoned),
    "node-drained": node_drained,
    "node-paused": _done_to_node(node.paused),
    "node-paused-long": _done_to_node(node.paused),
    "node-stopped": _done_to_node(node.stopped),
    "node-lost": _done_to_node(node.stopped),
    "cut-off-from-pods": _done_to_node(node.cut_off),
}
