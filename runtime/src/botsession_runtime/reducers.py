"""How an event from the bot changes what is known of a session. Pure."""

from dataclasses import replace
from typing import Any, Final

from botsession_contract.lifecycle import Farewell, Step
from botsession_contract.report import DanglingTasks
from botsession_runtime import conversation, pipelines, stages
from botsession_runtime.pipelines import Finish, OwnEnd, Pipeline
from botsession_runtime.session_state import CANCEL_FRAME, LARGEST_COUNT, SessionState, Speech

#: Progress of a farewell at which a client that leaves has not heard all of it.
UNHEARD: Final = frozenset({Speech.QUEUED, Speech.VOICED, Speech.SPEAKING})
#: A transport that ends closes its connection. A client that leaves within this time of a move of the ending frame,
#: before or after it, was disconnected by the transport.
CLOSING_SECONDS: Final = 1.0


def apply_event(state: SessionState, event: dict[str, Any]) -> SessionState:
    """Return the state with what an event says, which has been through the gate (`events`)."""
    reducer = _REDUCERS.get(event.get("event", ""))
    return reducer(state, event, float(event["at"])) if reducer else state


def settle(state: SessionState) -> SessionState:
    """Return the state of a bot that has exited: a pipeline whose frame came out has finished, reported or not."""
    every, finish = pipelines.settled(state.pipelines), pipelines.finish_of(state.pipelines)
    if state.finish or every == state.pipelines or finish is None:
        return state
    return replace(state, pipelines=every, finish=finish)


def _hooked(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    # A program that serves callers loads Pipecat's hook when one has come.
    called_at = state.called_at if state.listening_at is None else state.called_at or max(at, state.listening_at)
    imported_at = state.imported_at or at
    if state.lost_at is not None and state.may_continue:
        state = stages.restarted(state)
    elif state.lost_at is not None:
        state = replace(state, lost_at=None)
    return replace(state, hooked_at=at, imported_at=imported_at, called_at=called_at, unwatched=None)


def _imported(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(state, imported_at=state.imported_at or at)


def _listening(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    # The gate takes `earliest` and `here_alone` out of what the bot's side writes.
    earliest = event.get("earliest")
    guess = {} if earliest is None else {"guessed_port": event["port"], "join_earliest": earliest}
    here = bool(event.get("here_alone"))
    return replace(state, listening_at=state.listening_at or at, listens_on_loopback_only=here, **guess)


def _elsewhere(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(state, other_ports=event["ports"], expected_port=event["asked"])


def _called(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(state, called_at=state.called_at or at)


def _set_up(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    new = replace(_pipeline(state, event, at), set_up_at=at)
    return replace(state, pipelines=pipelines.put(state.pipelines, new), set_up_at=at)


def _started(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    new = replace(_pipeline(state, event, at), started_at=at)
    if state.is_between_pipelines and state.finish and new.set_up_at > state.finish.at:
        state = stages.next_stage(state, state.finish)
    return replace(
        state,
        started_at=state.started_at or at,
        stage_started_at=state.stage_started_at or at,
        has_clients=state.has_clients or bool(event.get("clients")),
        pipelines=pipelines.put(state.pipelines, new),
    )


def _pipeline(state: SessionState, event: dict[str, Any], at: float) -> Pipeline:
    known = pipelines.find(state.pipelines, event.get("root") or 0, at)
    has_transport = known.has_transport or bool(event.get("transport"))
    name = event.get("name") or known.name
    return replace(known, runner=event.get("runner") or known.runner, name=name, has_transport=has_transport)


def _client(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(state, client_at=state.client_at or at, left_at=None)


def _left(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    """Note that the last client has left, unless it is the end of the pipeline that has closed its connection."""
    if state.finish or _is_closed_by_transport(state, at):
        return state
    if state.farewell in UNHEARD:
        return replace(state, farewell=Farewell.CLIENT_GONE)
    return state if state.request and not state.request.is_by_bot else replace(state, left_at=at)


def _is_closed_by_transport(state: SessionState, at: float) -> bool:
    """Return whether a client leaves because a transport closes with the ending frame, rather than by itself."""
    if any(rung.step is not Step.END_FRAME for rung in state.rungs):
        return True
    if state.own_end is None:
        return False
    was_asked = state.request is not None and not state.request.is_by_bot
    return was_asked or at - max(state.own_end.at, state.hop_at or 0.0) <= CLOSING_SECONDS


def _farewell(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    if state.farewell is Farewell.CLIENT_GONE:
        return state  # the transport plays on without a client
    if event.get("refused"):
        return replace(state, farewell=Farewell(event["refused"]))
    return replace(state, farewell=Speech(event["state"])) if event.get("state") else state


def _active(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(state, active_at=max(state.active_at or at, at))


def _prompted(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(state, prompts=min(state.prompts + 1, LARGEST_COUNT), last_prompted_at=at)


def _advice(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(state, advice=event["message"])


def _idle(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    return replace(state, idle_at=at)


def _timeout(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(state, timed_out=event["what"])


def _without_transport_close(state: SessionState, at: float) -> SessionState:
    """Forget that a client left if the ending frame moves right after: then the transport closed the connection."""
    if state.own_end is None or state.left_at is None or state.left_at < state.own_end.at:
        return state
    return replace(state, left_at=None) if at - state.left_at <= CLOSING_SECONDS else state


def _hop(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    if not event["ours"]:
        state = _without_transport_close(state, at)
    is_cancel = event["frame"] == CANCEL_FRAME
    known = pipelines.find(state.pipelines, event.get("root") or 0, at)
    if known.is_past or known.finish:
        return state
    own_end = known.own_end
    if not event["ours"]:
        own_end = own_end or OwnEnd(event["frame"], event.get("reason"), at)
    held = {"cancel_held_by" if is_cancel else "end_held_by": event["held_by"]}
    reached_end = known.reached_end
    if event.get("out"):
        reached_end = reached_end or Finish(event["frame"], event.get("reason"), bool(event["ours"]), at)
    state = _with_ends(state, replace(known, own_end=own_end, reached_end=reached_end, **held))
    if own_end and not state.finish and pipelines.is_ending(state.pipelines):
        state = replace(state, own_end=state.own_end or own_end)
    in_flight = state.has_end_in_flight or not is_cancel
    return replace(state, has_end_in_flight=in_flight, hop_at=at, progress_at=at)


def _with_ends(state: SessionState, new: Pipeline) -> SessionState:
    every = pipelines.put(state.pipelines, new)
    end, cancel = pipelines.holder(every, "end_held_by"), pipelines.holder(every, "cancel_held_by")
    return replace(state, pipelines=every, end_held_by=end, cancel_held_by=cancel)


def _progress(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    # What plays on for a caller who has hung up does not get on with anything.
    return state if state.left_at is not None else replace(state, progress_at=max(state.progress_at or at, at))


def _speaks(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    """Note that a pipeline talks when another one has finished: it was no helper, and the session goes on with it."""
    known = pipelines.find(state.pipelines, event.get("root") or 0, at)
    finish = state.finish
    if (
        finish is None
        or not state.is_between_pipelines
        or at < finish.at
        or not pipelines.may_follow(state.pipelines, known)
    ):
        return state
    if any(rung.at > finish.at for rung in state.rungs):
        return state  # the pipeline was cancelled as a helper
    left = pipelines.without_finished(state.pipelines)
    return replace(stages.next_stage(state, finish), pipelines=left, stage_started_at=at)


def _finished(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    if not event["ours"]:
        state = _without_transport_close(state, at)
    finish = Finish(event["frame"], event.get("reason"), bool(event["ours"]), at)
    known = pipelines.find(state.pipelines, event.get("root") or 0, at)
    every = pipelines.put(state.pipelines, replace(known, finish=known.finish or finish))
    if state.finish or known.is_past or not pipelines.is_over(every):
        return replace(state, pipelines=every)
    return replace(state, pipelines=every, finish=finish, has_bare_helpers=bool(event.get("helpers")))


def _took(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    """Correct the last rung by what the hook did: it knows of the bot's own EndFrame first."""
    step = Step(event["step"])
    in_flight = state.has_end_in_flight or step in (Step.END_FRAME, Step.FORCED_CANCEL_FRAME)
    if state.rungs and step is Step.FORCED_CANCEL_FRAME and state.rungs[-1].step is Step.CANCEL_FRAME:
        last = replace(state.rungs[-1], step=step)
        return replace(state, rungs=(*state.rungs[:-1], last), has_end_in_flight=in_flight)
    return replace(state, has_end_in_flight=in_flight)


def _failed(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(state, failure=state.failure or event["message"])


def _crashed(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    return replace(state, crash=state.crash or event["message"], crashed_at=state.crashed_at or at)


def _quit(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    return replace(state, exit_sentence=state.exit_sentence or event["message"], crashed_at=state.crashed_at or at)


def _error(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    if event.get("unusable"):
        state = replace(state, unusable=f"{event['unusable']}: {event['message']}", unusable_at=at)
    return replace(state, fatal_error=event["message"]) if event["fatal"] else state


def _conversation(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(state, conversation=conversation.apply_event(state.conversation, event))


def _ended(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    return replace(state, runner_end=state.runner_end or OwnEnd(CANCEL_FRAME, event.get("reason"), at))


def _over(state: SessionState, _event: dict[str, Any], _at: float) -> SessionState:
    return replace(state, is_over=True)


def _serving(state: SessionState, _event: dict[str, Any], at: float) -> SessionState:
    # Our own launcher may listen too, for its one caller, and leaves when the bot has.
    return state if state.is_target else replace(state, serving_at=state.serving_at or at)


def _gone(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    """Drop the pipelines of a process that is gone, while another process still has one."""
    left = tuple(each for each in state.pipelines if each.number not in frozenset(event["roots"]))
    return replace(state, pipelines=left)


def _lost(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    """Note that the last process with a pipeline is gone. If that had not started, the others' finish counts."""
    had_started = any(each.started_at is not None for each in state.pipelines if each.number in event["roots"])
    state = _gone(settle(state), event, at)
    if state.finish:
        return state
    finish = pipelines.last_finish(state.pipelines)
    if finish and not had_started and pipelines.is_over(state.pipelines):
        return replace(state, finish=finish)
    # A crash was that process's; its parent gets the time that a parent has.
    return replace(state, lost_at=at, crashed_at=None)


def _unwatched(state: SessionState, event: dict[str, Any], at: float) -> SessionState:
    """Note an unwatched process as started: Pipecat loads the hook for a worker that is about to run."""
    if state.hooked_at is not None or state.unwatched:
        return state
    said = f"the hook was loaded in process {event['pid']} and could not reach the supervisor"
    return replace(state, unwatched=said, imported_at=state.imported_at or at, started_at=state.started_at or at)


def _cleared(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    return replace(state, cleared=event["message"])


def _returned(state: SessionState, _event: dict[str, Any], _at: float) -> SessionState:
    return replace(state, has_returned=True)


def _dangling(state: SessionState, event: dict[str, Any], _at: float) -> SessionState:
    """Combine the reports of dangling tasks: the launcher counts all, the hook those that Pipecat manages.

    Of two lists of names the longer one is kept.
    """
    count, managed = larger(state.tasks, event.get("count")), larger(state.managed_tasks, event.get("managed"))
    names = max(state.dangling.names, tuple(event["names"]), key=len)
    unmanaged = None if count is None or managed is None else max(count - managed, 0)
    dangling = DanglingTasks(max(count or 0, managed or 0), names, unmanaged)
    return replace(state, tasks=count, managed_tasks=managed, dangling=dangling)


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
