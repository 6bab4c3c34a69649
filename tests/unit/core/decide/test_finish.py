"""Rule: when a session is over, and what is recorded of it."""

from dataclasses import replace
from typing import Final

import pytest

from botsession_contract.lifecycle import BOT_CAUSES, Cause, Mode, Outcome, Reason, ReportedBy, Step
from botsession_contract.report import DanglingTasks, ExitReport, Timings
from botsession_operator.api.reasons import ExternalReason
from botsession_operator.api.status import ConditionType
from botsession_operator.core.decide.finish import FinalResult, conclude, start_failure_reason
from botsession_operator.core.decide.termination import end_intent
from botsession_operator.core.observe.observed import Observed, PodState, WaitingReason
from botsession_operator.core.observe.timeline import timeline_of
from tests.builders import (
    NOW,
    POD_NAME,
    ago,
    asked,
    ended,
    later,
    observed,
    pod,
    report,
    session,
    started,
    status,
    taken,
    unmet,
    waiting,
)

STARTED, CREATED = ConditionType.STARTED, ConditionType.POD_CREATED
KILLED, LOST, NEVER = Outcome.KILLED, Outcome.LOST, Outcome.NEVER_STARTED
TIMED_OUT: Final = status(ending=asked(Cause.START_TIMEOUT, Mode.IMMEDIATE, step=Step.POD_DELETE))
SHOT: Final = report(Reason.BOT_EXITED, LOST, exit_code=137)
NO_CONTAINER: Final = ended("ContainerStatusUnknown", started_at=None)


def conclusion(seen: Observed) -> FinalResult | None:
    return conclude(seen, end_intent(seen, timeline_of(seen, NOW)), NOW)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(observed(session(), None), id="the pod is about to be created"),
        pytest.param(observed(session(), waiting()), id="the container has not started"),
        pytest.param(observed(session(), pod()), id="the container runs"),
        pytest.param(observed(session(is_deleting=True), pod()), id="the deleted session's container runs"),
    ],
)
def test_it_is_not_over_while(seen: Observed) -> None:
    assert conclusion(seen) is None


def test_the_report_is_believed() -> None:
    tasks, timings = DanglingTasks(1, ("leak",)), Timings(drained=2.5)
    left = report(Reason.IDLE_TIMEOUT, Outcome.CANCELLED, dangling_tasks=tasks, timings=timings, stuck_at="tts#0")

    said = conclusion(observed(session(), ended(left=left)))

    assert said
    assert (said.finish.reason, said.finish.outcome) == (Reason.IDLE_TIMEOUT, Outcome.CANCELLED)
    assert (said.finish.reported_by, said.finish.stuck_at) == (ReportedBy.RUNTIME, "tts#0")
    assert (said.finished_at, said.dangling_tasks, said.timings) == (ago(1), tasks, timings)


@pytest.mark.parametrize(
    ("word", "left", "reason", "outcome"),
    [
        pytest.param("OOMKilled", SHOT, Reason.OUT_OF_MEMORY, KILLED, id="the node saw what the supervisor could not"),
        pytest.param(
            "OOMKilled",
            replace(SHOT, outcome=NEVER),
            Reason.OUT_OF_MEMORY,
            NEVER,
            id="the node saw it, and it had not started",
        ),
        pytest.param("Error", SHOT, Reason.BOT_EXITED, LOST, id="the node saw nothing"),
        pytest.param(
            "OOMKilled", replace(SHOT, exit_code=1), Reason.BOT_EXITED, LOST, id="the kernel took another process"
        ),
        pytest.param(
            "OOMKilled",
            replace(SHOT, reason=Reason.MAX_DURATION, outcome=KILLED),
            Reason.MAX_DURATION,
            KILLED,
            id="the supervisor killed it",
        ),
    ],
)
def test_node_may_know_why_the_bot_was_killed(word: str, left: ExitReport, reason: Reason, outcome: Outcome) -> None:
    said = conclusion(observed(session(started()), ended(word, left)))

    assert said
    assert (said.finish.reason, said.finish.outcome, said.finish.reported_by) == (reason, outcome, ReportedBy.RUNTIME)


@pytest.mark.parametrize("cause", sorted(set(Cause) - BOT_CAUSES))
def test_the_operators_own_sigterm_is_no_eviction(cause: Cause) -> None:
    seen = observed(session(started(ending=asked(cause))), ended(left=report(Reason.EVICTED)))

    said = conclusion(seen)

    assert said
    assert said.finish.reason is Reason(cause)


#: As kubelets write them (pkg/kubelet/eviction/helpers.go, eviction_manager.go).
KUBELETS_WORDS: Final = (
    'Usage of EmptyDir volume "recordings" exceeds the limit "64Mi".',
    "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
    'Container bot exceeded its local ephemeral storage limit "1Gi".',
    "The node was low on resource: ephemeral-storage. Threshold quantity: 10%, available: 5%.",
)


@pytest.mark.parametrize("words", KUBELETS_WORDS)
@pytest.mark.parametrize("word", ["Evicted", "TerminationByKubelet"])
@pytest.mark.parametrize("left", [None, report(Reason.EVICTED, Outcome.DRAINED)])
def test_an_evictions_cause_is_told_in_the_kubelets_words(left: ExitReport | None, word: str, words: str) -> None:
    said = conclusion(
        observed(session(started()), ended("Error", left, failure=WaitingReason(ExternalReason(word), words)))
    )

    assert said
    assert (said.finish.reason, said.finish.message) == (Reason.EVICTED, f"{word}: {words}")


def test_what_the_supervisor_knows_comes_after_the_kubelets_words() -> None:
    failure = WaitingReason(ExternalReason("Evicted"), "disk")
    left = replace(report(Reason.EVICTED, Outcome.DRAINED), message="the client had left")
    said = conclusion(observed(session(started()), ended(left=left, failure=failure)))

    assert said
    assert said.finish.message == "Evicted: disk; the client had left"


def test_a_bot_that_fails_of_what_its_pod_is_evicted_for_keeps_its_reason() -> None:
    left = replace(report(Reason.BOT_ERROR), message="OSError: [Errno 28] No space left on device")
    said = conclusion(
        observed(session(started()), ended(left=left, failure=WaitingReason(ExternalReason("Evicted"), "disk")))
    )

    assert said
    assert said.finish.reason is Reason.BOT_ERROR
    assert said.finish.message == "Evicted: disk; OSError: [Errno 28] No space left on device"


def test_a_good_end_has_nothing_to_do_with_the_node() -> None:
    said = conclusion(
        observed(
            session(started()),
            ended(left=report(Reason.COMPLETED), failure=WaitingReason(ExternalReason("Evicted"), "disk")),
        )
    )

    assert said
    assert said.finish.message is None


def test_a_bot_that_ends_by_itself_after_it_was_asked_is_believed_too() -> None:
    said = conclusion(observed(session(started(ending=asked(Cause.DELETED))), ended(left=report(Reason.COMPLETED))))

    assert said
    assert said.finish.reason is Reason.COMPLETED


def unscheduled(trouble: str) -> Observed:
    stuck = replace(TIMED_OUT, conditions=(unmet(STARTED, trouble),))
    return observed(session(stuck, startTimeout="1s"), NO_CONTAINER)


REFUSED: Final = status(conditions=(unmet(CREATED, "QuotaExceeded"), unmet(STARTED, "PodMissing")))
ENDED_BY_DELETION: Final = started(ending=asked(Cause.DELETED, step=Step.POD_DELETE))


@pytest.mark.parametrize(
    ("seen", "reason", "outcome"),
    [
        pytest.param(observed(session(started()), ended("Error")), Reason.BOT_EXITED, LOST, id="a supervisor crashed"),
        pytest.param(
            observed(session(started()), ended("OOMKilled")), Reason.OUT_OF_MEMORY, KILLED, id="out of memory"
        ),
        pytest.param(
            observed(session(is_deleting=True), ended("OOMKilled")),
            Reason.OUT_OF_MEMORY,
            KILLED,
            id="out of memory while it was ended",
        ),
        pytest.param(
            observed(session(status()), ended("StartError", started_at=None)),
            Reason.POD_REJECTED,
            NEVER,
            id="the command is not in the image",
        ),
        pytest.param(unscheduled("ImagePullBackOff"), Reason.IMAGE_PULL, NEVER, id="no image in time"),
        pytest.param(unscheduled("Unschedulable"), Reason.UNSCHEDULABLE, NEVER, id="no node in time"),
        pytest.param(unscheduled("CreateContainerConfigError"), Reason.POD_REJECTED, NEVER, id="a Secret is missing"),
        pytest.param(unscheduled("BotStarting"), Reason.START_TIMEOUT, NEVER, id="a slow bot"),
        pytest.param(
            observed(session(TIMED_OUT), ended("Error")),
            Reason.START_TIMEOUT,
            KILLED,
            id="a bot that hung at its start",
        ),
        pytest.param(
            observed(session(started(ending=asked(Cause.MAX_DURATION))), ended("Error")),
            Reason.MAX_DURATION,
            LOST,
            id="the supervisor crashed on its way down",
        ),
        pytest.param(
            observed(session(ENDED_BY_DELETION), ended("Error")), Reason.DELETED, KILLED, id="the pod had to be deleted"
        ),
        pytest.param(
            observed(
                session(started(ending=asked(Cause.DELETED))), ended("Error", deletion_requested_by=ago(1), left=None)
            ),
            Reason.DELETED,
            KILLED,
            id="the pod had to be deleted, and the operator forgot that it did",
        ),
        pytest.param(
            observed(session(started(), end="Graceful"), ended("Error", deletion_requested_by=ago(1))),
            Reason.END_REQUESTED,
            KILLED,
            id="the pod was deleted in an ending that was not in the status yet",
        ),
        pytest.param(
            observed(session(started(), maxSessionDuration="1s"), ended("Error")),
            Reason.BOT_EXITED,
            LOST,
            id="it crashed before anybody noticed that its time was up",
        ),
        pytest.param(
            observed(session(started()), ended("Error", failure=WaitingReason(ExternalReason("Evicted"), "disk"))),
            Reason.EVICTED,
            LOST,
            id="evicted by the kubelet",
        ),
        pytest.param(
            observed(
                session(started()),
                pod(PodState.TERMINATED, failure=WaitingReason(ExternalReason("DeletionByTaintManager"), "")),
            ),
            Reason.NODE_LOST,
            LOST,
            id="the node is gone",
        ),
        pytest.param(
            observed(session(status()), NO_CONTAINER), Reason.BOT_EXITED, NEVER, id="the container was never found"
        ),
        pytest.param(
            observed(
                session(status()),
                pod(PodState.TERMINATED, started_at=None, failure=WaitingReason(ExternalReason("OutOfcpu"), "")),
            ),
            Reason.POD_REJECTED,
            NEVER,
            id="the kubelet did not take the pod",
        ),
        pytest.param(
            observed(session(started()), ended("Error", deletion_requested_by=ago(1))),
            Reason.EVICTED,
            LOST,
            id="somebody deleted the pod",
        ),
        pytest.param(
            observed(session(started()), pod(PodState.TERMINATED)), Reason.UNKNOWN, LOST, id="nothing tells why"
        ),
        pytest.param(observed(session(started()), None), Reason.UNKNOWN, LOST, id="the pod is gone"),
        pytest.param(
            observed(session(status(pod_name=POD_NAME)), None), Reason.UNKNOWN, NEVER, id="the pod went before it ran"
        ),
        pytest.param(
            observed(session(ENDED_BY_DELETION), None), Reason.DELETED, KILLED, id="the pod went without a report"
        ),
        pytest.param(observed(session(is_deleting=True), None), Reason.DELETED, NEVER, id="deleted before its pod"),
        pytest.param(observed(session(end="Graceful"), None), Reason.END_REQUESTED, NEVER, id="ended before its pod"),
        pytest.param(
            observed(session(REFUSED, startTimeout="1s"), None), Reason.POD_REJECTED, NEVER, id="no pod was taken"
        ),
        pytest.param(
            observed(session(REFUSED, is_deleting=True), None),
            Reason.DELETED,
            NEVER,
            id="deleted while pods were refused",
        ),
    ],
)
def test_without_a_report_the_operator_says_what_it_saw(seen: Observed, reason: Reason, outcome: Outcome) -> None:
    said = conclusion(seen)

    assert said
    assert (said.finish.reason, said.finish.outcome, said.finish.reported_by) == (reason, outcome, ReportedBy.OPERATOR)
    assert said.finished_at == NOW


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        pytest.param(
            observed(
                session(replace(REFUSED, conditions=(unmet(CREATED, "Q", "over quota"),)), startTimeout="1s"), None
            ),
            "startTimeout 1s: creation of the pod 1 s and not done; over quota",
            id="a refusal in the server's words",
        ),
        pytest.param(
            observed(session(replace(TIMED_OUT, conditions=(unmet(STARTED, "ErrImagePull", "404"),))), NO_CONTAINER),
            "startTimeout 2m: image and container 120 s and not done; 404",
            id="an image's trouble in the kubelet's words",
        ),
        pytest.param(
            observed(session(replace(TIMED_OUT, conditions=(unmet(STARTED, "BotStarting", "slow"),))), NO_CONTAINER),
            "startTimeout 2m: image and container 120 s and not done; the bot's container never started: slow",
            id="what the container waited for",
        ),
        pytest.param(
            observed(session(status()), pod(PodState.TERMINATED, started_at=None)),
            "the bot's container never started",
            id="nothing more is known",
        ),
        pytest.param(
            observed(session(), pod(PodState.TERMINATED, failure=WaitingReason(ExternalReason("Evicted"), "disk"))),
            "Evicted: disk",
            id="the pod's own failure",
        ),
        pytest.param(
            observed(session(started()), pod(PodState.TERMINATED, deletion_requested_by=ago(1))),
            "the pod was removed while its container ran, and left no report",
            id="a pod that was deleted by force",
        ),
        pytest.param(observed(session(started()), None), "the pod is gone and left no report", id="a pod that went"),
        pytest.param(observed(session(is_deleting=True), None), "no pod was started", id="a pod that never was"),
        pytest.param(
            observed(session(), ended("Error")),
            "the supervisor left no report; its container ended with Error",
            id="a supervisor that crashed",
        ),
        pytest.param(
            observed(session(), ended("")),
            "the supervisor left no report; its container ended with no reason given",
            id="a kubelet of few words",
        ),
    ],
)
def test_the_message_is_for_a_person(seen: Observed, message: str) -> None:
    said = conclusion(seen)

    assert said
    assert said.finish.message == message


def test_the_container_runtimes_words_reach_the_user() -> None:
    failed = ended("StartError", started_at=None)
    assert failed.termination
    failed = replace(failed, termination=replace(failed.termination, message="exec: python3: not found"))

    said = conclusion(observed(session(status()), failed))

    assert said
    assert said.finish.message == "the bot's container never started: exec: python3: not found"


def test_the_operator_keeps_the_start_that_it_had_recorded() -> None:
    said = conclusion(observed(session(started()), ended("Error")))

    assert said
    assert said.started_at == ago(50)


def test_the_ending_of_the_report_is_kept() -> None:
    ending = taken(Cause.EVICTED, Mode.GRACEFUL, Step.END_FRAME)
    said = conclusion(observed(session(), ended(left=report(Reason.EVICTED, ending=ending))))

    assert said
    assert said.ending == ending


def test_troubles_that_pass_have_no_reason() -> None:
    assert start_failure_reason("ContainerCreating") is None


def test_an_ending_that_is_wanted_only_now_did_not_end_the_pod() -> None:
    late = session(status(), startTimeout="1s", created_at=later(-600))
    said = conclusion(observed(late, ended("Error")))

    assert said
    assert said.finish.reason is Reason.BOT_EXITED


def test_container_that_never_ran_has_no_exit_code() -> None:
    said = conclusion(observed(session(TIMED_OUT), NO_CONTAINER))
    assert said
    assert said.finish.exit_code is None
