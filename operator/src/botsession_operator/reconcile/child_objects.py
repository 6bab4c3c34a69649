"""Create and delete a session's objects: its pod, its Service and route, its PodDisruptionBudget."""

from dataclasses import replace

from loguru import logger as log

from botsession_contract.credentials import token_digest
from botsession_operator.api.reasons import ConditionReason
from botsession_operator.api.spec import Json, SpecError
from botsession_operator.core.decide.eviction import BudgetChange
from botsession_operator.core.decide.exposure import ExposureChange
from botsession_operator.core.manifests import service_and_route
from botsession_operator.core.manifests.disruption_budget import build_budget
from botsession_operator.core.manifests.pod import build_pod
from botsession_operator.core.manifests.security_context import as_non_root
from botsession_operator.core.observe import ownership
from botsession_operator.core.observe.observed import Observed, Session, WaitingReason
from botsession_operator.core.status.derive import Applied
from botsession_operator.errors import BudgetRefused, ExposureRefused, PodRefused, Refused
from botsession_operator.reconcile.deps import Deps
from botsession_operator.refusals import Creation


async def create_pod(session: Session, observed: Observed, applied: Applied, deps: Deps) -> Applied:
    """Create the session's pod, unless a refusal stands; return its name, or why it was refused."""
    if standing := deps.refusals.standing(session, Creation.POD):
        return replace(applied, refusal=standing)
    try:
        digest, ports = token_digest(deps.control_keys.token(session.uid)), deps.host_ports.choose(session)
        manifest = build_pod(session, digest, deps.pod_settings, observed.url, ports)
        if observed.is_pod_name_taken:
            raise PodRefused(ConditionReason.NAME_TAKEN, ownership.name_taken(manifest))  # noqa: TRY301  # one way to refuse
        await _create_as_non_root_if_required(manifest, deps)
    except SpecError as exc:  # no retry: spec.bot and spec.podTemplate are immutable
        return replace(applied, refusal=WaitingReason(ConditionReason.SPEC_REFUSED, str(exc)))
    except PodRefused as refusal:
        return replace(applied, refusal=_note_refusal(session, Creation.POD, refusal, deps))
    deps.refusals.note_success(session, Creation.POD)
    log.info("pod created", pod=manifest["metadata"]["name"])
    return replace(applied, pod_name=manifest["metadata"]["name"])


async def _create_as_non_root_if_required(manifest: Json, deps: Deps) -> None:
    """Create the pod; where its namespace refuses pods that may run as root, create it as a non-root pod."""
    try:
        await deps.cluster.create_pod(manifest)
    except PodRefused as refusal:
        stricter = as_non_root(manifest, refusal.message)
        if stricter is None:
            raise
        await deps.cluster.create_pod(stricter)


async def change_exposure(change: ExposureChange, session: Session, deps: Deps) -> Applied:
    """Create or delete what leads callers to the session; return why it was refused, where it was.

    The Service comes last: a pass takes its existence as the sign that all of them exist.
    """
    if change is ExposureChange.CREATE and (standing := deps.refusals.standing(session, Creation.EXPOSURE)):
        return Applied(exposure_refusal=standing)
    write = deps.cluster.create_object if change is ExposureChange.CREATE else deps.cluster.delete_object
    try:
        for manifest in service_and_route.manifests(session, deps.exposure):
            await write(manifest)
    except ExposureRefused as refusal:
        return Applied(exposure_refusal=_note_refusal(session, Creation.EXPOSURE, refusal, deps))
    deps.refusals.note_success(session, Creation.EXPOSURE)
    log.info("exposure changed", change=change.name)
    return Applied()


async def change_budget(change: BudgetChange, session: Session, applied: Applied, deps: Deps) -> Applied:
    """Create or delete the PodDisruptionBudget; return why it was refused, where it was."""
    budget = build_budget(session)
    if change is BudgetChange.DELETE:
        await deps.cluster.delete_budget(budget)
        log.info("pod may be evicted")
        return applied
    if standing := deps.refusals.standing(session, Creation.BUDGET):
        return replace(applied, budget_refusal=standing)
    try:
        await deps.cluster.create_budget(budget)
    except BudgetRefused as refusal:
        return replace(applied, budget_refusal=_note_refusal(session, Creation.BUDGET, refusal, deps))
    deps.refusals.note_success(session, Creation.BUDGET)
    log.info("pod protected from eviction")
    return applied


def _note_refusal(session: Session, what: Creation, refusal: Refused, deps: Deps) -> WaitingReason:
    """Record a refusal, so that the object is created again with back-off; return the reason for the status."""
    log.bind(reason=refusal.reason, message=str(refusal)).warning(what.value)
    return deps.refusals.note(session, what, WaitingReason(refusal.reason, refusal.message))
