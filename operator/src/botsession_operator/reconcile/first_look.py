"""The first look at each session by an operator that begins to lead, from what the watches have brought."""

from datetime import datetime, timedelta

from botsession_contract.lifecycle import Phase
from botsession_operator.core.decide.first_look import first_look_at, is_answered
from botsession_operator.core.names import pod_name
from botsession_operator.core.observe.observed import Freshness, Key, NoSnapshot, Observed, Pod, Session
from botsession_operator.fair_queue import Priority
from botsession_operator.reconcile.deps import Deps
from botsession_operator.watch_store import WatchStore


def first_look(key: Key, store: WatchStore, deps: Deps, spread: timedelta) -> tuple[datetime, Priority]:
    """Return when the first pass over a session is due and how urgent it is; note what a pass would note."""
    session, now = store.session(key), deps.clock.now()
    if session is None:
        return now, Priority.NORMAL
    pod = store.last_seen_pod(key.namespace, pod_name(key.name, session.uid))
    if pod and pod.owner != session.identity:
        return now, Priority.NORMAL
    deps.metrics.set_phase(key, session.status.phase if session.status else Phase.PENDING)
    deps.host_ports.note(key, pod)
    if not is_answered(session):
        return now, Priority.HIGH
    due = first_look_at(_observed(session, pod, deps), now, deps.timeouts, spread)
    return due, Priority.NORMAL if due <= now else Priority.LOW


def _observed(session: Session, pod: Pod | None, deps: Deps) -> Observed:
    return Observed(
        session=session,
        pod=pod,
        snapshot=NoSnapshot.NOT_ASKED,
        is_uninstalling=deps.is_uninstalling,
        deliveries=deps.webhook.attempts(session) if deps.webhook else {},
        freshness=Freshness.CURRENT,
    )
