"""How an event from the bot changes what is known of a session. Pure."""

from dataclasses import replace
from typing import Any, Final

from botsession_contract.lifecycle import Farewell, Step
from botsession_contract.report import DanglingTasks
from botsession_runtime import conversation, pipelines
from botsession_runtime.pipelines import Finish, OwnEnd, Pipeline, Stage
from botsession_runtime.session_state import CANCEL_FRAME, LARGEST_COUNT, SessionState, Speech

#: Those in which a client that leaves has not heard all of a farewell.
UNHEARD: Final = frozenset({Speech.QUEUED, Speech.VOICED, Speech.SPEAKING})
#: A transport that ends hangs up: who leaves so soon after the ending frame moved, or before it moves, was hung up on.
CLOSING_SECONDS: Final = 1.0


def apply_event(facts: SessionState, event: dict[str, Any]) -> SessionState:
    """Return the facts with what an event says, which has been through the gate (`events`)."""
    learner = _REDUCERS.get(event.get("event", ""))
    return learner(facts, event, float(event["at"])) if learner else facts


def settle(facts: SessionState) -> SessionState:
    """Return the facts of a bot that is gone: a pipeline has finished whose frame came out, though it was not told."""
    every, finish = pipelines.settled(facts.pipelines), pipelines.finish_of(facts.pipelines)
    if facts.finish or every == facts.pipelines or finish is None:
        return facts
    return replace(facts, pipelines=every, finish=finish)


def _hooked(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    # A program that serves callers loads Pipecat's hook when one has come.
    called_at = facts.called_at if facts.listening_at is None else facts.called_at or max(at, facts.listening_at)
    imported_at = facts.imported_at or at
    if facts.lost_at is not None and facts.may_go_on:
        facts = _begun_again(facts)
    elif facts.lost_at is not None:
        facts = replace(facts, lost_at=None)
    return replace(facts, hooked_at=at, imported_at=imported_at, called_at=called_at, unwatched=None)


def _begun_again(facts: SessionState) -> SessionState:
    """Return the facts where a parent begins another process for one that was lost; if told to go, it does in vain."""
    if facts.is_told_to_go:
        return facts
    return replace(_without_end(facts), lost_at=None, pipelines=pipelines.NONE)


def _imported(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(facts, imported_at=facts.imported_at or at)


def _listening(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    # The gate takes `earliest` and `here_alone` out of what the bot's side writes.
    earliest = event.get("earliest")
    guess = {} if earliest is None else {"guessed_port": event["port"], "join_earliest": earliest}
    here = bool(event.get("here_alone"))
    return replace(facts, listening_at=facts.listening_at or at, listens_here_alone=here, **guess)


def _elsewhere(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(facts, other_ports=event["ports"], asked_port=event["asked"])


def _called(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(facts, called_at=facts.called_at or at)


def _set_up(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    new = replace(_pipeline(facts, event, at), set_up_at=at)
    return replace(facts, pipelines=pipelines.put(facts.pipelines, new), set_up_at=at)


def _started(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    new = replace(_pipeline(facts, event, at), started_at=at)
    if facts.is_between and facts.finish and new.set_up_at > facts.finish.at:
        facts = _next_stage(facts, facts.finish)
    return replace(
        facts,
        started_at=facts.started_at or at,
        stage_at=facts.stage_at or at,
        has_clients=facts.has_clients or bool(event.get("clients")),
        pipelines=pipelines.put(facts.pipelines, new),
    )


def _pipeline(facts: SessionState, event: dict[str, Any], at: float) -> Pipeline:
    known = pipelines.find(facts.pipelines, event.get("root") or 0, at)
    has_transport = known.has_transport or bool(event.get("transport"))
    name = event.get("name") or known.name
    return replace(known, runner=event.get("runner") or known.runner, name=name, has_transport=has_transport)


def _next_stage(facts: SessionState, finish: Finish) -> SessionState:
    """Archive a stage that is over: what was known of its end says nothing of the stage that begins."""
    named = (each.name for each in facts.pipelines if each.finish is finish or each.finish == finish)
    began = facts.started_at if facts.stage_at is None else facts.stage_at
    frame, said = (facts.own_end.frame, facts.own_end.reason) if facts.own_end else (finish.frame, finish.reason)
    stage = Stage(next(named, ""), frame, said, finish.at if began is None else began, finish.at)
    return replace(
        _without_end(facts),
        stages=(*facts.stages, stage)[-pipelines.MOST_STAGES :],
        stage_count=min(facts.stage_count + 1, LARGEST_COUNT),
        pipelines=pipelines.next_stage(facts.pipelines, finish.at),
    )


def _without_end(facts: SessionState) -> SessionState:
    """Return the facts for a pipeline that begins after another one: of the end of that they know nothing."""
    return replace(
        facts,
        stage_at=None,
        request=None,
        rungs=(),
        has_end_in_flight=False,
        end_held_by=None,
        cancel_held_by=None,
        own_end=None,
        runner_end=None,
        hop_at=None,
        progress_at=None,
        finish=None,
        has_bare_helpers=False,
        timed_out=None,
        crash=None,
        crashed_at=None,
        parting=None,
        fatal_error=None,
        unusable=None,
        unusable_at=None,
        idle_at=None,
        is_over=False,
        serving_at=None,
        farewell=None,
    )


def _client(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(facts, client_at=facts.client_at or at, left_at=None)


def _left(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    """Note that the last client has left, unless it is the end of the pipeline that has closed its connection."""
    if facts.finish or _closes_connections(facts, at):
        return facts
    if facts.farewell in UNHEARD:
        return replace(facts, farewell=Farewell.CLIENT_GONE)
    return facts if facts.request and not facts.request.is_bots else replace(facts, left_at=at)


def _closes_connections(facts: SessionState, at: float) -> bool:
    """Tell a client that leaves because a transport has got the ending frame from one that hangs up meanwhile."""
    if any(rung.step is not Step.END_FRAME for rung in facts.rungs):
        return True
    if facts.own_end is None:
        return False
    was_asked = facts.request is not None and not facts.request.is_bots
    return was_asked or at - max(facts.own_end.at, facts.hop_at or 0.0) <= CLOSING_SECONDS


def _farewell(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    if facts.farewell is Farewell.CLIENT_GONE:
        return facts  # the transport plays on, and nobody listens
    if event.get("refused"):
        return replace(facts, farewell=Farewell(event["refused"]))
    return replace(facts, farewell=Speech(event["state"])) if event.get("state") else facts


def _active(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(facts, active_at=max(facts.active_at or at, at))


def _prompted(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(facts, prompts=min(facts.prompts + 1, LARGEST_COUNT), asked_at=at)


def _advice(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(facts, advice=event["message"])


def _idle(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(facts, idle_at=at)


def _timeout(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(facts, timed_out=event["what"])


def _unless_closed(facts: SessionState, at: float) -> SessionState:
    """Forget that a client left where the ending frame moves on right after: a transport closed, and passes it on."""
    if facts.own_end is None or facts.left_at is None or facts.left_at < facts.own_end.at:
        return facts
    return replace(facts, left_at=None) if at - facts.left_at <= CLOSING_SECONDS else facts


def _hop(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    if not event["ours"]:
        facts = _unless_closed(facts, at)
    is_cancel = event["frame"] == CANCEL_FRAME
    known = pipelines.find(facts.pipelines, event.get("root") or 0, at)
    if known.is_past or known.finish:
        return facts
    own_end = known.own_end
    if not event["ours"]:
        own_end = own_end or OwnEnd(event["frame"], event.get("reason"), at)
    held = {"cancel_held_by" if is_cancel else "end_held_by": event["held_by"]}
    came_out = known.came_out
    if event.get("out"):
        came_out = came_out or Finish(event["frame"], event.get("reason"), bool(event["ours"]), at)
    facts = _with_ends(facts, replace(known, own_end=own_end, came_out=came_out, **held))
    if own_end and not facts.finish and pipelines.is_ending(facts.pipelines):
        facts = replace(facts, own_end=facts.own_end or own_end)
    in_flight = facts.has_end_in_flight or not is_cancel
    return replace(facts, has_end_in_flight=in_flight, hop_at=at, progress_at=at)


def _with_ends(facts: SessionState, new: Pipeline) -> SessionState:
    every = pipelines.put(facts.pipelines, new)
    end, cancel = pipelines.holder(every, "end_held_by"), pipelines.holder(every, "cancel_held_by")
    return replace(facts, pipelines=every, end_held_by=end, cancel_held_by=cancel)


def _progress(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    # What plays on for a caller who has hung up does not get on with anything.
    return facts if facts.left_at is not None else replace(facts, progress_at=max(facts.progress_at or at, at))


def _speaks(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    """Note that a pipeline talks when another one has finished: it was no helper, and the session goes on with it."""
    known = pipelines.find(facts.pipelines, event.get("root") or 0, at)
    finish = facts.finish
    if finish is None or not facts.is_between or at < finish.at or not pipelines.may_follow(facts.pipelines, known):
        return facts
    if any(rung.at > finish.at for rung in facts.rungs):
        return facts  # it was told to go, as a helper
    left = pipelines.without_finished(facts.pipelines)
    return replace(_next_stage(facts, finish), pipelines=left, stage_at=at)


def _finished(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    if not event["ours"]:
        facts = _unless_closed(facts, at)
    finish = Finish(event["frame"], event.get("reason"), bool(event["ours"]), at)
    known = pipelines.find(facts.pipelines, event.get("root") or 0, at)
    every = pipelines.put(facts.pipelines, replace(known, finish=known.finish or finish))
    if facts.finish or known.is_past or not pipelines.is_over(every):
        return replace(facts, pipelines=every)
    return replace(facts, pipelines=every, finish=finish, has_bare_helpers=bool(event.get("helpers")))


def _took(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    """Correct the last rung by what the bot's side really did: it knows of its own EndFrame first."""
    step = Step(event["step"])
    in_flight = facts.has_end_in_flight or step in (Step.END_FRAME, Step.FORCED_CANCEL_FRAME)
    if facts.rungs and step is Step.FORCED_CANCEL_FRAME and facts.rungs[-1].step is Step.CANCEL_FRAME:
        last = replace(facts.rungs[-1], step=step)
        return replace(facts, rungs=(*facts.rungs[:-1], last), has_end_in_flight=in_flight)
    return replace(facts, has_end_in_flight=in_flight)


def _failed(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(facts, failure=facts.failure or event["message"])


def _crashed(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    return replace(facts, crash=facts.crash or event["message"], crashed_at=facts.crashed_at or at)


def _quit(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    return replace(facts, parting=facts.parting or event["message"], crashed_at=facts.crashed_at or at)


def _error(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    if event.get("unusable"):
        facts = replace(facts, unusable=f"{event['unusable']}: {event['message']}", unusable_at=at)
    return replace(facts, fatal_error=event["message"]) if event["fatal"] else facts


def _conversation(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(facts, conversation=conversation.apply_event(facts.conversation, event))


def _ended(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    return replace(facts, runner_end=facts.runner_end or OwnEnd(CANCEL_FRAME, event.get("reason"), at))


def _over(facts: SessionState, _event: dict[str, Any], _at: float) -> SessionState:
    return replace(facts, is_over=True)


def _serving(facts: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    # Our own launcher may listen too, for its one caller, and leaves when the bot has.
    return facts if facts.is_target else replace(facts, serving_at=facts.serving_at or at)


def _gone(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    """Leave out the pipelines of a process that is gone, while another one still has a pipeline."""
    left = tuple(each for each in facts.pipelines if each.number not in frozenset(event["roots"]))
    return replace(facts, pipelines=left)


def _lost(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    """Note that the last process with a pipeline is gone. Where that had not begun, what the others did counts."""
    had_started = any(each.started_at is not None for each in facts.pipelines if each.number in event["roots"])
    facts = _gone(settle(facts), event, at)
    if facts.finish:
        return facts
    finish = pipelines.last_finish(facts.pipelines)
    if finish and not had_started and pipelines.is_over(facts.pipelines):
        return replace(facts, finish=finish)
    # It crashed, if anybody did, and is gone: its parent has its own time.
    return replace(facts, lost_at=at, crashed_at=None)


def _unwatched(facts: SessionState, event: dict[str, Any], at: float) -> SessionState:
    """Take the pipeline for one that has started: Pipecat has loaded the hook into its worker."""
    if facts.hooked_at is not None or facts.unwatched:
        return facts
    said = f"the hook was loaded in process {event['pid']} and could not reach the supervisor"
    return replace(facts, unwatched=said, imported_at=facts.imported_at or at, started_at=facts.started_at or at)


def _cleared(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(facts, cleared=event["message"])


def _returned(facts: SessionState, _event: dict[str, Any], _at: float) -> SessionState:
    return replace(facts, has_returned=True)


def _dangling(facts: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    """Put together what is told of tasks: the launcher knows how many there are, the hook which Pipecat manages.

    Told twice, the longer list is kept.
    """
    count, managed = larger(facts.tasks, event.get("count")), larger(facts.managed_tasks, event.get("managed"))
    names = max(facts.dangling.names, tuple(event["names"]), key=len)
    unmanaged = None if count is None or managed is None else max(count - managed, 0)
    dangling = DanglingTasks(max(count or 0, managed or 0), names, unmanaged)
    return replace(facts, tasks=count, managed_tasks=managed, dangling=dangling)


def larger(one: int | None, other: int | None) -> int | None:
    """Return the larger of two numbers of which any may be unknown."""
    return max((number for number in (one, other) if number is not None), default=None)


_REDUCERS: Final = {
    "hooked": _hooked,
    "imported": _imported,
    "listening": _listening,
    "elsewhere": _elsewhere,
    "called": _called,
    "setup": _set_up,
    "started": _started,
    "client": _client,
    "left": _left,
    "farewell": _farewell,
    "active": _active,
    "prompted": _prompted,
    "advice": _advice,
    "idle": _idle,
    "timeout": _timeout,
    "hop": _hop,
    "progress": _progress,
    "speaks": _speaks,
    "finished": _finished,
    "took": _took,
    "failed": _failed,
    "crashed": _crashed,
    "quit": _quit,
    "error": _error,
    "audio": _conversation,
    "sounded": _conversation,
    "turns": _conversation,
    "errors": _conversation,
    "ended": _ended,
    "over": _over,
    "serving": _serving,
    "gone": _gone,
    "lost": _lost,
    "unwatched": _unwatched,
    "cleared": _cleared,
    "returned": _returned,
    "dangling": _dangling,
}
